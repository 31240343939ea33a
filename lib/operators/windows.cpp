#include "lib/operators/windows.hpp"

#include <fmt/core.h>

#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

constexpr std::int64_t kLargestSetting = std::int64_t{1} << 20;

std::vector<std::int64_t> settings(const OperatorCall& call, std::string_view name, std::size_t size,
                                   std::int64_t fallback, std::int64_t least) {
  std::vector<std::int64_t> values = call.attributes.get_ints(name, std::vector<std::int64_t>(size, fallback));
  if (values.size() != size) {
    throw ShapeError(fmt::format("attribute {} must have {} numbers, not {}", name, size, values.size()));
  }
  for (const std::int64_t value : values) {
    if (value >= least && value <= kLargestSetting) continue;
    throw ShapeError(
        fmt::format("attribute {} must lie between {} and {}, not {}", name, least, kLargestSetting, value));
  }
  return values;
}

}  // namespace

std::vector<AttributeSpec> window_attributes(bool kernel_required) {
  return {{"kernel_shape", AttributeKind::kInts, kernel_required},
          {"strides", AttributeKind::kInts},
          {"pads", AttributeKind::kInts},
          {"auto_pad", AttributeKind::kString}};
}

Windows windows_of(const OperatorCall& call, std::size_t spatial, const Shape& kernel) {
  need_choice(call, "auto_pad", {"NOTSET"});
  Windows windows;
  windows.kernel = kernel;
  if (call.attributes.has("kernel_shape") || kernel.empty()) {
    windows.kernel = settings(call, "kernel_shape", spatial, 1, 1);
    if (!kernel.empty() && windows.kernel != kernel) {
      throw ShapeError(fmt::format("attribute kernel_shape is {}, but the weights' is {}", to_string(windows.kernel),
                                   to_string(kernel)));
    }
  }
  windows.strides = settings(call, "strides", spatial, 1, 1);
  windows.dilations = settings(call, "dilations", spatial, 1, 1);
  const std::vector<std::int64_t> pads = settings(call, "pads", 2 * spatial, 0, 0);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(spatial);
  windows.pads_begin.assign(pads.begin(), middle);
  windows.pads_end.assign(middle, pads.end());
  return windows;
}

Shape window_outputs(const Windows& windows, const Shape& input) {
  Shape output;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t room = input[i] + windows.pads_begin[i] + windows.pads_end[i] - windows.reach(i);
    if (room < 0) {
      throw ShapeError(fmt::format("the kernel reaches over {}, but the padded extent is {}", windows.reach(i),
                                   room + windows.reach(i)));
    }
    output.push_back(room / windows.strides[i] + 1);
  }
  return output;
}

Shape transposed_outputs(const Windows& windows, const Shape& input, const Shape& output_padding) {
  Shape output;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (output_padding[i] < 0 || output_padding[i] >= windows.strides[i]) {
      throw ShapeError(fmt::format("output_padding must be 0 or more and smaller than the stride {}, not {}",
                                   windows.strides[i], output_padding[i]));
    }
    const std::int64_t extent = windows.strides[i] * (input[i] - 1) + output_padding[i] + windows.reach(i) -
                                windows.pads_begin[i] - windows.pads_end[i];
    if (extent < 1) throw ShapeError(fmt::format("the pads leave nothing of the output (extent {})", extent));
    output.push_back(extent);
  }
  return output;
}

Shape spatial_extents(const OperatorCall& call, std::size_t input) {
  need_rank(call, input, 3, 4);
  const Shape& shape = call.input(input).shape;
  return {shape.begin() + 2, shape.end()};
}

}  // namespace mp
