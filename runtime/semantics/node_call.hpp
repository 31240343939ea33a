// The node a kernel is made for, and the types of its operands.
#pragma once

#include <cstddef>

#include "lib/graph/graph.hpp"

namespace mp::runtime {

// Both must outlive it. Each backend adds what its kernels need besides.
struct NodeCall {
  const Graph& graph;
  const Node& node;

  [[nodiscard]] bool has_input(std::size_t i) const {
    return i < node.inputs.size() && node.inputs[i] != kNone<TensorId>;
  }
  [[nodiscard]] bool has_output(std::size_t i) const {
    return i < node.outputs.size() && node.outputs[i] != kNone<TensorId>;
  }
  [[nodiscard]] const TensorType& input(std::size_t i) const { return graph.tensor(node.inputs[i]).type; }
  [[nodiscard]] const TensorType& output(std::size_t i) const { return graph.tensor(node.outputs[i]).type; }
  [[nodiscard]] const Attributes& attributes() const { return node.attributes; }
};

}  // namespace mp::runtime
