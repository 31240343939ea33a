// One node of a model on its way into parts: what the ways of splitting share (split_nodes.cpp, split_*.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/graph/model.hpp"
#include "lib/graph/node_split.hpp"

namespace mp {

using Extents = std::vector<std::int64_t>;

// Part i of `whole` in `parts` that differ by one at most: where it begins.
[[nodiscard]] std::int64_t part_begin(std::int64_t whole, std::int64_t parts, std::int64_t i);
[[nodiscard]] Extents part_sizes(std::int64_t whole, std::int64_t parts);

// Collects the nodes that take the place of `whole()`.
class NodeParts {
 public:
  // `graph` is the model bound.
  NodeParts(const Graph& graph, const ModelNode& whole, const NodeSplit& split);

  [[nodiscard]] const ModelNode& whole() const { return whole_; }
  [[nodiscard]] std::int64_t parts() const { return split_.parts; }
  [[nodiscard]] SplitWay way() const { return split_.way; }
  [[nodiscard]] const Shape& input_shape(std::size_t i) const { return shapes_[i]; }  // empty: absent
  [[nodiscard]] const Shape& output_shape() const { return output_; }
  [[nodiscard]] bool has_input(std::size_t i) const { return i < whole_.inputs.size() && !whole_.inputs[i].empty(); }

  // Throws UsageError.
  [[noreturn]] void refuse(std::string_view why) const;
  // refuse()s where `extent` is too small: "it has 3 output channels".
  void need_extent(std::int64_t extent, std::string_view what) const;

  [[nodiscard]] std::string part_name(std::string_view what, std::int64_t i) const;  // "conv.part1"
  ModelNode& add(std::string op, std::string name, std::vector<std::string> inputs, Attributes attributes);
  // A Split called "<node>.<what>" of an input along an axis, whose outputs are called part_name(what, i).
  void share_out(std::size_t input, std::string_view what, std::int64_t axis);

  // What takes the node's place, name and outputs, so that whatever refers to them goes on: the parts side by side, …
  void concatenate(std::int64_t axis);
  // … or added, from the first to the last.
  void add_up();

  [[nodiscard]] std::vector<ModelNode>& added() { return added_; }

 private:
  void take_place(ModelNode& node) const;

  ModelNode whole_;
  const NodeSplit& split_;
  std::vector<Shape> shapes_;
  Shape output_;
  std::vector<ModelNode> added_;
};

// Each for its operators; they refuse() ways that the operator does not have.
void split_convolution(NodeParts& node);  // Conv, ConvTranspose
void split_product(NodeParts& node);      // Gemm, MatMul

}  // namespace mp
