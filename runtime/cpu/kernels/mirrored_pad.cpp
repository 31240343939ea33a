// Pad with what is in the tensor already (modes reflect, edge, wrap), and its gradient, which adds up what one element
// was copied to.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {
namespace {

struct Mirror {
  Shape source;
  Shape destination;
  std::vector<std::int64_t> strides;            // of the source
  std::vector<std::vector<std::int64_t>> from;  // per axis: the source index of each destination index
  std::size_t whole_axes = 0;                   // leading axes without pads: what lies behind them is independent

  [[nodiscard]] std::int64_t parts() const {
    return elements({source.begin(), source.begin() + static_cast<std::ptrdiff_t>(whole_axes)});
  }
  // row(source offset, destination offset) of every row of the last axis within a part.
  template <class Row>
  void for_rows(std::int64_t part, const Row& row) const {
    const std::int64_t width = destination.back();
    const std::int64_t rows = elements(destination) / parts() / width;
    for (std::int64_t i = part * rows; i < (part + 1) * rows; ++i) {
      std::int64_t rest = i;
      std::int64_t offset = 0;
      for (std::size_t axis = destination.size() - 1; axis-- > 0;) {
        offset += from[axis][static_cast<std::size_t>(rest % destination[axis])] * strides[axis];
        rest /= destination[axis];
      }
      row(offset, i * width);
    }
  }
};

std::int64_t source_index(const std::string& mode, std::int64_t at, std::int64_t extent) {
  if (mode == "edge") return std::clamp<std::int64_t>(at, 0, extent - 1);
  if (mode == "wrap") return (at + extent) % extent;
  const std::int64_t back = at < 0 ? -at : at;
  return back < extent ? back : 2 * (extent - 1) - back;
}

Mirror mirror_of(const KernelCall& call, const Shape& source, const Shape& destination) {
  const std::string mode = call.attributes().get_string("mode", "constant");
  const std::vector<std::int64_t> pads = call.attributes().get_ints("pads", {});
  Mirror m{source, destination, row_major_strides(source), {}, 0};
  for (std::size_t axis = 0; axis < source.size(); ++axis) {
    std::vector<std::int64_t>& from = m.from.emplace_back();
    for (std::int64_t i = 0; i < destination[axis]; ++i) {
      from.push_back(source_index(mode, i - pads[axis], source[axis]));
    }
  }
  while (m.whole_axes + 1 < source.size() && source[m.whole_axes] == destination[m.whole_axes]) ++m.whole_axes;
  return m;
}

}  // namespace

KernelPointer make_mirrored_pad(const KernelCall& call) {
  return function_kernel(
      [&team = call.team, m = mirror_of(call, call.input(0).shape, call.output(0).shape)](const Operands& io) {
        team.for_each(m.parts(), [&](std::int64_t part, int) {
          m.for_rows(part, [&](std::int64_t from, std::int64_t to) {
            float* y = io.out(0) + to;
            for (const std::int64_t i : m.from.back()) *y++ = io.in(0)[from + i];
          });
        });
      });
}

KernelPointer make_pad_grad(const KernelCall& call) {
  return function_kernel(
      [&team = call.team, m = mirror_of(call, call.output(0).shape, call.input(0).shape)](const Operands& io) {
        const std::int64_t size = elements(m.source) / m.parts();
        team.for_each(m.parts(), [&](std::int64_t part, int) {
          std::fill_n(io.out(0) + part * size, size, 0.0F);
          m.for_rows(part, [&](std::int64_t from, std::int64_t to) {
            const float* dy = io.in(0) + to;
            for (const std::int64_t i : m.from.back()) io.out(0)[from + i] += *dy++;
          });
        });
      });
}

}  // namespace mp::runtime::cpu
