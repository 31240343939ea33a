// Conv and ConvTranspose in parts: by output channels, by rows with a halo, by input channels.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "lib/graph/node_parts.hpp"
#include "lib/operators/operator.hpp"
#include "lib/operators/windows.hpp"

namespace mp {
namespace {

// Along the first spatial axis: the rows of X that a part reads, and its pads there.
struct Rows {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;
  std::int64_t output_padding = 0;  // of a transposed convolution
};

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// The windows of outputs [begin, end) lie on `reach` rows each, `stride` apart.
Rows convolution_rows(const Windows& w, std::int64_t height, Range outputs) {
  const std::int64_t first = outputs.begin * w.strides[0] - w.pads_begin[0];
  const std::int64_t last = (outputs.end - 1) * w.strides[0] - w.pads_begin[0] + w.reach(0);
  const Rows rows{std::max<std::int64_t>(0, first), std::min(height, last), 0, 0, 0};
  return {rows.begin, rows.end, rows.begin - first, last - rows.end, 0};
}

std::int64_t floor_divided(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Input i covers the outputs [i·stride − pad, i·stride − pad + reach).
Rows transposed_rows(const Windows& w, std::int64_t height, Range outputs) {
  const std::int64_t stride = w.strides[0];
  const std::int64_t first = outputs.begin + w.pads_begin[0];  // counted from where input 0 begins
  Rows rows;
  rows.begin = std::max<std::int64_t>(0, floor_divided(first - w.reach(0), stride) + 1);
  rows.begin = std::min({rows.begin, first / stride, height - 1});
  rows.end = std::min(height, (outputs.end - 1 + w.pads_begin[0]) / stride + 1);
  rows.pad_begin = first - rows.begin * stride;
  const std::int64_t covered = (rows.end - rows.begin - 1) * stride + w.reach(0);
  const std::int64_t over = covered - rows.pad_begin - (outputs.end - outputs.begin);
  rows.pad_end = std::max<std::int64_t>(0, over);
  rows.output_padding = std::max<std::int64_t>(0, -over);
  return rows;
}

class ConvolutionParts {
 public:
  explicit ConvolutionParts(NodeParts& node)
      : node_(node),
        is_transposed_(node.whole().op == "ConvTranspose"),
        groups_(node.whole().attributes.get_int("group", 1)),
        has_bias_(node.has_input(2)) {}

  void by_channels() {
    const std::int64_t channels = node_.output_shape()[1];
    node_.need_extent(channels, "output channels");
    const bool by_group = groups_ > 1;
    if (by_group && groups_ % node_.parts() != 0) node_.refuse(fmt::format("its {} groups would be cut", groups_));
    // Groups lie along W's first axis in both; without groups a transposed convolution's outputs lie along the second.
    node_.share_out(1, "weights", is_transposed_ && !by_group ? 1 : 0);
    if (has_bias_) node_.share_out(2, "bias", 0);
    if (by_group) node_.share_out(0, "inputs", 1);
    Attributes attributes = node_.whole().attributes;
    if (by_group) attributes.set("group", groups_ / node_.parts());
    for (std::int64_t i = 0; i < node_.parts(); ++i) {
      std::vector<std::string> inputs = {by_group ? node_.part_name("inputs", i) : node_.whole().inputs[0],
                                         node_.part_name("weights", i)};
      if (has_bias_) inputs.push_back(node_.part_name("bias", i));
      node_.add(node_.whole().op, node_.part_name("part", i), std::move(inputs), attributes);
    }
    node_.concatenate(1);
  }

  void by_rows() {
    const std::int64_t height = node_.output_shape()[2];
    node_.need_extent(height, "output rows");
    const Windows windows = windows_of_whole();
    const std::int64_t height_of_x = node_.input_shape(0)[2];
    for (std::int64_t i = 0; i < node_.parts(); ++i) {
      const Range outputs{part_begin(height, node_.parts(), i), part_begin(height, node_.parts(), i + 1)};
      const Rows rows = is_transposed_ ? transposed_rows(windows, height_of_x, outputs)
                                       : convolution_rows(windows, height_of_x, outputs);
      if (rows.begin >= rows.end || rows.output_padding >= windows.strides[0]) {
        node_.refuse(fmt::format("part {} would see nothing but padding", i + 1));
      }
      node_.add("Slice", node_.part_name("rows", i), {node_.whole().inputs[0]},
                {{"starts", Extents{rows.begin}}, {"ends", Extents{rows.end}}, {"axes", Extents{2}}});
      std::vector<std::string> inputs = node_.whole().inputs;
      inputs[0] = node_.part_name("rows", i);
      node_.add(node_.whole().op, node_.part_name("part", i), std::move(inputs), row_attributes(windows, rows));
    }
    node_.concatenate(2);
  }

  // The bias is added once, by the first part.
  void by_inputs() {
    node_.need_extent(node_.input_shape(0)[1], "input channels");
    if (groups_ > 1) node_.refuse(fmt::format("its {} groups do not add up", groups_));
    node_.share_out(0, "inputs", 1);
    node_.share_out(1, "weights", is_transposed_ ? 0 : 1);
    for (std::int64_t i = 0; i < node_.parts(); ++i) {
      std::vector<std::string> inputs = {node_.part_name("inputs", i), node_.part_name("weights", i)};
      if (has_bias_ && i == 0) inputs.push_back(node_.whole().inputs[2]);
      node_.add(node_.whole().op, node_.part_name("part", i), std::move(inputs), node_.whole().attributes);
    }
    node_.add_up();
  }

 private:
  [[nodiscard]] Windows windows_of_whole() const {
    const Shape& x = node_.input_shape(0);
    const Shape& w = node_.input_shape(1);
    const Shape spatial(x.begin() + 2, x.end());
    const Shape kernel(w.begin() + 2, w.end());
    const OperatorCall call{.inputs = {}, .attributes = node_.whole().attributes, .outputs = 1};
    return is_transposed_ ? transposed_windows_of(call, spatial, kernel) : windows_of(call, spatial, kernel);
  }

  // Those of the whole, with pads written out and the first axis's own.
  [[nodiscard]] Attributes row_attributes(const Windows& windows, const Rows& rows) const {
    Attributes attributes;
    for (const auto& [name, value] : node_.whole().attributes.values()) {
      if (name != "auto_pad" && name != "output_shape") attributes.set(name, value);
    }
    Extents pads = windows.pads_begin;
    pads.insert(pads.end(), windows.pads_end.begin(), windows.pads_end.end());
    pads[0] = rows.pad_begin;
    pads[windows.strides.size()] = rows.pad_end;
    attributes.set("pads", pads);
    if (is_transposed_) {
      Extents padding = node_.whole().attributes.get_ints("output_padding", Extents(windows.strides.size(), 0));
      padding[0] = rows.output_padding;
      attributes.set("output_padding", padding);
    }
    return attributes;
  }

  NodeParts& node_;
  bool is_transposed_ = false;
  std::int64_t groups_ = 1;
  bool has_bias_ = false;
};

}  // namespace

void split_convolution(NodeParts& node) {
  ConvolutionParts convolution(node);
  switch (node.way()) {
    case SplitWay::kChannels:
      return convolution.by_channels();
    case SplitWay::kRows:
      return convolution.by_rows();
    case SplitWay::kInputs:
      return convolution.by_inputs();
    case SplitWay::kColumns:
      node.refuse("a convolution is split by channels, rows or inputs");
  }
}

}  // namespace mp
