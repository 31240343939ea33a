#include <algorithm>
#include <limits>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

struct Sliding {
  Index kernel, strides, dilations, pads;

  Sliding(const ReferenceCall& call, Index from_weights, std::size_t axes)
      : kernel(call.attributes().get_ints("kernel_shape", std::move(from_weights))),
        strides(call.attributes().get_ints("strides", Index(axes, 1))),
        dilations(call.attributes().get_ints("dilations", Index(axes, 1))),
        pads(call.attributes().get_ints("pads", Index(2 * axes, 0))) {}

  // auto_pad by ONNX's formulas: `whole` is what the windows would need, `room` what there is.
  void pad_automatically(const ReferenceCall& call, std::size_t axis, std::int64_t whole, std::int64_t room) {
    const std::string choice = call.attributes().get_string("auto_pad", "NOTSET");
    const std::int64_t total = std::max<std::int64_t>(0, whole - room);
    const std::int64_t less = total / 2;
    pads[axis] = choice == "SAME_UPPER" ? less : total - less;
    pads[axis + kernel.size()] = total - pads[axis];
  }
  void pad_automatically(const ReferenceCall& call, const Shape& source) {
    if (!call.attributes().get_string("auto_pad", "NOTSET").starts_with("SAME")) return;
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      const std::int64_t steps = (source[i + 2] + strides[i] - 1) / strides[i];
      pad_automatically(call, i, (steps - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1, source[i + 2]);
    }
  }
  // Of a transposed convolution from `input` to `output`: what is cut off.
  void cut_automatically(const ReferenceCall& call, const Shape& input, const Shape& output) {
    const bool is_same = call.attributes().get_string("auto_pad", "NOTSET").starts_with("SAME");
    if (!is_same && !call.attributes().has("output_shape")) return;
    const Index more = call.attributes().get_ints("output_padding", Index(kernel.size(), 0));
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      const std::int64_t whole = strides[i] * (input[i + 2] - 1) + more[i] + dilations[i] * (kernel[i] - 1) + 1;
      pad_automatically(call, i, whole, output[i + 2]);
    }
  }

  // visit(place in the window, index in the source) of every tap of output `at` (its first two axes copied), inside
  // the source or not.
  template <class Visit>
  void taps(const Index& at, const Shape& source, const Visit& visit) const {
    for (std::int64_t k = 0; k < elements(kernel); ++k) {
      const Index tap = index_of(k, kernel);
      Index from = at;
      bool inside = true;
      for (std::size_t i = 0; i < kernel.size(); ++i) {
        from[i + 2] = at[i + 2] * strides[i] - pads[i] + tap[i] * dilations[i];
        inside = inside && from[i + 2] >= 0 && from[i + 2] < source[i + 2];
      }
      visit(tap, from, inside);
    }
  }
};

Index spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

// Calls visit(destination element, source element, weight) for every product of a convolution from `source` channels
// to `destination` channels; `w` is [destination channels, source channels / groups, kernel…].
template <class Visit>
void for_products(const ReferenceCall& call, const Shape& source, const Shape& destination, bool is_transposed,
                  const Visit& visit) {
  const Array& w = call.in(1);
  const std::int64_t groups = call.attributes().get_int("group", 1);
  const std::int64_t per_group = source[1] / groups;
  const Index kernel = spatial(w.shape);
  const Index field = spatial(source);
  Sliding sliding(call, kernel, kernel.size());
  if (is_transposed) {
    sliding.cut_automatically(call, destination, source);
  } else {
    sliding.pad_automatically(call, source);
  }
  for (std::int64_t i = 0; i < elements(destination); ++i) {
    const Index at = index_of(i, destination);
    const std::int64_t group = at[1] / (destination[1] / groups);
    sliding.taps(at, source, [&](const Index& tap, Index from, bool inside) {
      if (!inside) return;
      from[1] = group * per_group;
      const std::int64_t first = element_of(from, source);
      const std::int64_t first_weight = at[1] * per_group * elements(kernel) + element_of(tap, kernel);
      for (std::int64_t c = 0; c < per_group; ++c) {
        visit(i, first + c * elements(field), w.at(first_weight + c * elements(kernel)));
      }
    });
  }
}

void add_bias(const ReferenceCall& call) {
  if (!call.has(2)) return;
  for (std::int64_t i = 0; i < call.out().size(); ++i)
    call.out().at(i) += call.in(2).at(index_of(i, call.out().shape)[1]);
}

void run_conv(const ReferenceCall& call) {
  for_products(call, call.in(0).shape, call.out().shape, false,
               [&](std::int64_t to, std::int64_t from, double w) { call.out().at(to) += w * call.in(0).at(from); });
  add_bias(call);
}

// The convolution from Y to X, run backwards.
void run_conv_transpose(const ReferenceCall& call) {
  for_products(call, call.out().shape, call.in(0).shape, true,
               [&](std::int64_t from, std::int64_t to, double w) { call.out().at(to) += w * call.in(0).at(from); });
  add_bias(call);
}

void run_pool(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const bool is_max = call.node.op_name == "MaxPool";
  const bool counts_padding = call.attributes().get_int("count_include_pad", 0) != 0;
  Sliding sliding(call, {}, x.shape.size() - 2);
  sliding.pad_automatically(call, x.shape);
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    double most = -std::numeric_limits<double>::infinity();
    double sum = 0.0;
    double count = 0.0;
    sliding.taps(index_of(i, call.out().shape), x.shape, [&](const Index&, const Index& from, bool inside) {
      bool on_padding = true;  // and not beyond its end
      for (std::size_t a = 0; a < sliding.kernel.size(); ++a) {
        on_padding = on_padding && from[a + 2] < x.extent(a + 2) + sliding.pads[a + sliding.kernel.size()];
      }
      count += inside || (counts_padding && on_padding) ? 1.0 : 0.0;
      if (!inside) return;
      most = std::max(most, x.at(element_of(from, x.shape)));
      sum += x.at(element_of(from, x.shape));
    });
    call.out().at(i) = is_max ? most : sum / count;
  }
}

void run_global_average(const ReferenceCall& call) {
  const std::int64_t plane = call.in(0).size() / call.out().size();
  for (std::int64_t i = 0; i < call.in(0).size(); ++i) {
    call.out().at(i / plane) += call.in(0).at(i) / static_cast<double>(plane);
  }
}

}  // namespace

Reference window_reference(std::string_view op) {
  if (op == "Conv") return run_conv;
  if (op == "ConvTranspose") return run_conv_transpose;
  if (op == "MaxPool" || op == "AveragePool") return run_pool;
  if (op == "GlobalAveragePool") return run_global_average;
  return nullptr;
}

}  // namespace mp::runtime::testing
