#include "lib/operators/windows.hpp"

#include <fmt/core.h>

#include <algorithm>

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

// The attributes but for the padding.
Windows unpadded(const OperatorCall& call, std::size_t spatial, const Shape& kernel) {
  need_choice(call, "auto_pad", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"});
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
  windows.pads_begin.assign(spatial, 0);
  windows.pads_end.assign(spatial, 0);
  return windows;
}

std::string auto_pad_of(const OperatorCall& call) {
  std::string choice = call.attributes.get_string("auto_pad", "NOTSET");
  if (choice != "NOTSET" && call.attributes.has("pads")) {
    throw ShapeError(fmt::format("attribute pads has no use beside auto_pad '{}'", choice));
  }
  return choice;
}

void take_pads(const OperatorCall& call, Windows& windows) {
  const std::size_t spatial = windows.strides.size();
  const std::vector<std::int64_t> pads = settings(call, "pads", 2 * spatial, 0, 0);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(spatial);
  windows.pads_begin.assign(pads.begin(), middle);
  windows.pads_end.assign(middle, pads.end());
}

// An odd one more goes to the end (`to_end`) or to the beginning.
void share_out(Windows& windows, std::size_t axis, std::int64_t total, bool to_end) {
  windows.pads_begin[axis] = to_end ? total / 2 : total - total / 2;
  windows.pads_end[axis] = total - windows.pads_begin[axis];
}

}  // namespace

std::vector<AttributeSpec> window_attributes(bool kernel_required) {
  return {{"kernel_shape", AttributeKind::kInts, kernel_required},
          {"strides", AttributeKind::kInts},
          {"pads", AttributeKind::kInts},
          {"auto_pad", AttributeKind::kString}};
}

Windows windows_of(const OperatorCall& call, const Shape& input, const Shape& kernel) {
  Windows windows = unpadded(call, input.size(), kernel);
  const std::string choice = auto_pad_of(call);
  if (choice == "NOTSET") take_pads(call, windows);
  if (choice == "NOTSET" || choice == "VALID") return windows;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t outputs = (input[i] + windows.strides[i] - 1) / windows.strides[i];
    const std::int64_t needed = (outputs - 1) * windows.strides[i] + windows.reach(i);
    share_out(windows, i, std::max<std::int64_t>(0, needed - input[i]), choice == "SAME_UPPER");
  }
  return windows;
}

Windows transposed_windows_of(const OperatorCall& call, const Shape& input, const Shape& kernel) {
  Windows windows = unpadded(call, input.size(), kernel);
  const std::string choice = auto_pad_of(call);
  const bool has_shape = call.attributes.has("output_shape");
  if (has_shape && call.attributes.has("pads")) {
    throw ShapeError("attribute pads has no use beside output_shape");
  }
  if (!has_shape && choice == "NOTSET") take_pads(call, windows);
  if (!has_shape && (choice == "NOTSET" || choice == "VALID")) return windows;
  const Shape padding = output_padding_of(call, input.size());
  const Shape wanted = has_shape ? settings(call, "output_shape", input.size(), 1, 1) : Shape{};
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t whole = windows.strides[i] * (input[i] - 1) + padding[i] + windows.reach(i);
    const std::int64_t extent = has_shape ? wanted[i] : windows.strides[i] * input[i];
    if (extent > whole) {
      throw ShapeError(fmt::format("an output extent of {} is wanted, but the kernels cover {} alone", extent, whole));
    }
    share_out(windows, i, whole - extent, choice == "SAME_UPPER");
  }
  return windows;
}

Shape output_padding_of(const OperatorCall& call, std::size_t spatial) {
  Shape padding = call.attributes.get_ints("output_padding", Shape(spatial, 0));
  if (padding.size() == spatial) return padding;
  throw ShapeError(fmt::format("attribute output_padding must have {} numbers, not {}", spatial, padding.size()));
}

Shape window_outputs(const Windows& windows, const Shape& input, bool rounds_up) {
  Shape output;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t room = input[i] + windows.pads_begin[i] + windows.pads_end[i] - windows.reach(i);
    if (room < 0) {
      throw ShapeError(fmt::format("the kernel reaches over {}, but the padded extent is {}", windows.reach(i),
                                   room + windows.reach(i)));
    }
    std::int64_t outputs = room / windows.strides[i] + 1;
    if (rounds_up && room % windows.strides[i] != 0) {
      const bool starts_inside = outputs * windows.strides[i] < input[i] + windows.pads_begin[i];
      outputs += starts_inside ? 1 : 0;
    }
    output.push_back(outputs);
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
