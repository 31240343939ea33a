// Resize as https://onnx.ai/onnx/operators/onnx__Resize.html defines it, one element at a time.
#include <algorithm>
#include <cmath>
#include <string>

#include "lib/operators/resize.hpp"
#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

double source_of(const ReferenceCall& call, std::int64_t at, std::int64_t from, std::int64_t to, double scale) {
  const std::string way = call.attributes().get_string("coordinate_transformation_mode", "half_pixel");
  const auto x = static_cast<double>(at);
  if (way == "asymmetric") return x / scale;
  if (way == "half_pixel") return (x + 0.5) / scale - 0.5;
  if (way == "pytorch_half_pixel") return to > 1 ? (x + 0.5) / scale - 0.5 : 0.0;
  return to > 1 ? x * static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
}

std::int64_t nearest(const ReferenceCall& call, double x) {
  const std::string way = call.attributes().get_string("nearest_mode", "round_prefer_floor");
  const double below = std::floor(x);
  const bool is_half = x - below == 0.5;
  if (way == "floor") return static_cast<std::int64_t>(below);
  if (way == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (is_half) return static_cast<std::int64_t>(way == "round_prefer_ceil" ? below + 1.0 : below);
  return static_cast<std::int64_t>(std::round(x));
}

// The blend of neighbours along axis `axis` of the index `at`, whose axes behind it are source indices already.
double blend(const ReferenceCall& call, const Index& at, std::size_t axis) {
  const Array& x = call.in(0);
  if (axis == x.shape.size()) return x.at(element_of(at, x.shape));
  const std::int64_t from = x.extent(axis);
  const std::int64_t to = call.out().extent(axis);
  const std::vector<double> scales = resize_scales(call.attributes());
  const double scale = scales.empty() ? static_cast<double>(to) / static_cast<double>(from) : scales[axis];
  const double place = source_of(call, at[axis], from, to, scale);
  const auto value = [&](std::int64_t i) {
    Index inside = at;
    inside[axis] = std::clamp<std::int64_t>(i, 0, from - 1);
    return blend(call, inside, axis + 1);
  };
  if (call.attributes().get_string("mode", "nearest") == "nearest") return value(nearest(call, place));
  const double below = std::floor(place);
  const auto low = static_cast<std::int64_t>(below);
  return (1.0 - (place - below)) * value(low) + (place - below) * value(low + 1);
}

void run_resize(const ReferenceCall& call) {
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    call.out().at(i) = blend(call, index_of(i, call.out().shape), 2);
  }
}

}  // namespace

Reference resize_reference(std::string_view op) { return op == "Resize" ? run_resize : nullptr; }

}  // namespace mp::runtime::testing
