#include "lib/graph/split_nodes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/operators/windows.hpp"

namespace mp {
namespace {

constexpr std::int64_t kMostParts = 1024;

using Extents = std::vector<std::int64_t>;

// Part i of `whole` in `parts` that differ by one at most: where it begins.
std::int64_t part_begin(std::int64_t whole, std::int64_t parts, std::int64_t i) { return whole * i / parts; }

Extents part_sizes(std::int64_t whole, std::int64_t parts) {
  Extents sizes;
  for (std::int64_t i = 0; i < parts; ++i) {
    sizes.push_back(part_begin(whole, parts, i + 1) - part_begin(whole, parts, i));
  }
  return sizes;
}

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

class Splitter {
 public:
  Splitter(Model& model, const Graph& graph, const NodeSplit& split) : model_(model), split_(split) {
    const auto found = std::find_if(model.nodes.begin(), model.nodes.end(),
                                    [&](const ModelNode& node) { return node.name == split.node; });
    whole_ = *found;
    is_transposed_ = whole_.op == "ConvTranspose";
    if (whole_.op != "Conv" && !is_transposed_) refuse("only Conv and ConvTranspose can be split, not " + whole_.op);
    const Node& node = graph.node(graph.find_node(split.node).value());
    x_ = graph.tensor(node.inputs[0]).type.shape;
    w_ = graph.tensor(node.inputs[1]).type.shape;
    y_ = graph.tensor(node.outputs[0]).type.shape;
    place_ = static_cast<std::size_t>(found - model.nodes.begin());
    groups_ = whole_.attributes.get_int("group", 1);
  }

  void run() {
    if (split_.parts < 2) refuse("at least 2 are needed");
    if (split_.parts > kMostParts) refuse(fmt::format("at most {} are possible", kMostParts));
    if (split_.way == SplitWay::kChannels) {
      split_channels();
    } else {
      split_rows();
    }
    join();
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw UsageError(fmt::format("cannot split {} into {} parts by {}: {}", quoted(split_.node), split_.parts,
                                 name_of(split_.way), why));
  }

  [[nodiscard]] std::string part_name(std::string_view what, std::int64_t i) const {
    return fmt::format("{}.{}{}", whole_.name, what, i + 1);
  }

  ModelNode& add(std::string op, std::string name, std::vector<std::string> inputs, Attributes attributes) {
    ModelNode node;
    node.name = std::move(name);
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.outputs = {node.name};
    node.attributes = std::move(attributes);
    node.colocate = whole_.colocate;
    added_.push_back(std::move(node));
    return added_.back();
  }

  // A Split called "<node>.<what>" of an input whose parts are called "<node>.<what>1", …
  void share_out(std::size_t input, std::string_view what, std::int64_t axis, const Extents& sizes) {
    ModelNode& node = add("Split", fmt::format("{}.{}", whole_.name, what), {whole_.inputs[input]},
                          {{"axis", axis}, {"split", sizes}});
    node.outputs.clear();
    for (std::int64_t i = 0; i < split_.parts; ++i) node.outputs.push_back(part_name(what, i));
  }

  void split_channels() {
    const std::int64_t channels = y_[1];
    if (channels < split_.parts) refuse(fmt::format("it has {} output channels", channels));
    if (groups_ > 1 && groups_ % split_.parts != 0) refuse(fmt::format("its {} groups would be cut", groups_));
    const bool by_group = groups_ > 1;
    // Groups lie along W's first axis in both; without groups a transposed convolution's outputs lie along the second.
    const std::int64_t axis = is_transposed_ && !by_group ? 1 : 0;
    share_out(1, "weights", axis, part_sizes(w_[static_cast<std::size_t>(axis)], split_.parts));
    if (has_bias()) share_out(2, "bias", 0, part_sizes(channels, split_.parts));
    if (by_group) share_out(0, "inputs", 1, part_sizes(x_[1], split_.parts));
    Attributes attributes = whole_.attributes;
    if (by_group) attributes.set("group", groups_ / split_.parts);
    for (std::int64_t i = 0; i < split_.parts; ++i) {
      std::vector<std::string> inputs = {by_group ? part_name("inputs", i) : whole_.inputs[0], part_name("weights", i)};
      if (has_bias()) inputs.push_back(part_name("bias", i));
      add(whole_.op, part_name("part", i), std::move(inputs), attributes);
    }
  }

  void split_rows() {
    const std::int64_t height = y_[2];
    if (height < split_.parts) refuse(fmt::format("it has {} output rows", height));
    const Windows windows = windows_of_whole();
    for (std::int64_t i = 0; i < split_.parts; ++i) {
      const Range outputs{part_begin(height, split_.parts, i), part_begin(height, split_.parts, i + 1)};
      const Rows rows =
          is_transposed_ ? transposed_rows(windows, x_[2], outputs) : convolution_rows(windows, x_[2], outputs);
      if (rows.begin >= rows.end || rows.output_padding >= windows.strides[0]) {
        refuse(fmt::format("part {} would see nothing but padding", i + 1));
      }
      add("Slice", part_name("rows", i), {whole_.inputs[0]},
          {{"starts", Extents{rows.begin}}, {"ends", Extents{rows.end}}, {"axes", Extents{2}}});
      std::vector<std::string> inputs = whole_.inputs;
      inputs[0] = part_name("rows", i);
      add(whole_.op, part_name("part", i), std::move(inputs), row_attributes(windows, rows));
    }
  }

  [[nodiscard]] bool has_bias() const { return whole_.inputs.size() > 2 && !whole_.inputs[2].empty(); }

  [[nodiscard]] Windows windows_of_whole() const {
    const Shape spatial(x_.begin() + 2, x_.end());
    const Shape kernel(w_.begin() + 2, w_.end());
    const OperatorCall call{.inputs = {}, .attributes = whole_.attributes, .outputs = 1};
    return is_transposed_ ? transposed_windows_of(call, spatial, kernel) : windows_of(call, spatial, kernel);
  }

  // Those of the whole, with pads written out and the first axis's own.
  [[nodiscard]] Attributes row_attributes(const Windows& windows, const Rows& rows) const {
    Attributes attributes;
    for (const auto& [name, value] : whole_.attributes.values()) {
      if (name != "auto_pad" && name != "output_shape") attributes.set(name, value);
    }
    Extents pads = windows.pads_begin;
    pads.insert(pads.end(), windows.pads_end.begin(), windows.pads_end.end());
    pads[0] = rows.pad_begin;
    pads[windows.strides.size()] = rows.pad_end;
    attributes.set("pads", pads);
    if (is_transposed_) {
      Extents padding = whole_.attributes.get_ints("output_padding", Extents(windows.strides.size(), 0));
      padding[0] = rows.output_padding;
      attributes.set("output_padding", padding);
    }
    return attributes;
  }

  // Concat takes the node's place, name and outputs, so that whatever refers to them goes on.
  void join() {
    std::vector<std::string> parts;
    for (std::int64_t i = 0; i < split_.parts; ++i) parts.push_back(part_name("part", i));
    const std::int64_t axis = split_.way == SplitWay::kChannels ? 1 : 2;
    ModelNode& joined = add("Concat", whole_.name, std::move(parts), {{"axis", axis}});
    joined.outputs = whole_.outputs;
    joined.device = whole_.device;
    const auto at = model_.nodes.begin() + static_cast<std::ptrdiff_t>(place_);
    model_.nodes.erase(at);
    model_.nodes.insert(model_.nodes.begin() + static_cast<std::ptrdiff_t>(place_), added_.begin(), added_.end());
  }

  Model& model_;
  const NodeSplit& split_;
  ModelNode whole_;
  Shape x_, w_, y_;
  std::size_t place_ = 0;
  std::int64_t groups_ = 1;
  bool is_transposed_ = false;
  std::vector<ModelNode> added_;
};

[[noreturn]] void refuse_text(std::string_view text) {
  throw UsageError(
      fmt::format("a split is written NODE=channels:PARTS or NODE=rows:PARTS, not {}", quoted(std::string(text))));
}

}  // namespace

std::string_view name_of(SplitWay way) {
  switch (way) {
    case SplitWay::kChannels:
      return "channels";
    case SplitWay::kRows:
      return "rows";
  }
  return "";
}

NodeSplit parse_node_split(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  const std::size_t colon = text.rfind(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals || equals == 0) {
    refuse_text(text);
  }
  NodeSplit split{.node = std::string(text.substr(0, equals)), .way = SplitWay::kChannels, .parts = 0};
  const std::string_view way = text.substr(equals + 1, colon - equals - 1);
  if (way == name_of(SplitWay::kRows)) split.way = SplitWay::kRows;
  if (way != name_of(split.way)) refuse_text(text);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, split.parts);
  if (error != std::errc() || stop != end) refuse_text(text);
  return split;
}

std::vector<NodeSplit> splits_of_heavy_nodes(const Graph& graph, std::int64_t devices) {
  double total = 0.0;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) total += cost_of(graph, id).flops;
  const double share = total / static_cast<double>(std::max<std::int64_t>(1, devices));
  std::vector<NodeSplit> splits;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(id);
    if (node.op_name != "Conv" && node.op_name != "ConvTranspose") continue;
    const double flops = cost_of(graph, id).flops;
    if (flops <= share) continue;
    const Shape& y = graph.tensor(node.outputs[0]).type.shape;
    const auto wanted = std::min(kMostParts, static_cast<std::int64_t>(std::ceil(flops / share)));
    const bool by_channels = node.attributes.get_int("group", 1) == 1 && y[1] >= wanted;
    const std::int64_t parts = by_channels ? wanted : std::min(wanted, y[2]);
    if (parts > 1) splits.push_back({node.name, by_channels ? SplitWay::kChannels : SplitWay::kRows, parts});
  }
  return splits;
}

Model split_nodes(const Model& model, std::span<const NodeSplit> splits, std::string_view source) {
  const Graph graph = bind_model(model, {}, source);
  Model result = model;
  for (const NodeSplit& split : splits) {
    if (!graph.find_node(split.node)) {
      throw UsageError(
          fmt::format("cannot split {}: model {} has no such node", quoted(split.node), quoted(model.name)));
    }
    Splitter(result, graph, split).run();
  }
  static_cast<void>(bind_model(result, {}, source));  // names that were taken already are found here
  return result;
}

}  // namespace mp
