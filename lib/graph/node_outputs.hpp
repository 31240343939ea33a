// What a copy of a node is to be called and made of.
#pragma once

#include <string>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {

// Names and types of a node's outputs, as GraphBuilder::add_checked takes them: "" and no type for one that is absent.
struct NodeOutputs {
  std::vector<std::string> names;
  std::vector<TensorType> types;
};

[[nodiscard]] inline NodeOutputs outputs_of(const Graph& graph, NodeId node) {
  NodeOutputs outputs;
  for (const TensorId t : graph.node(node).outputs) {
    outputs.names.push_back(t == kNone<TensorId> ? "" : graph.tensor(t).name);
    outputs.types.push_back(t == kNone<TensorId> ? TensorType{} : graph.tensor(t).type);
  }
  return outputs;
}

}  // namespace mp
