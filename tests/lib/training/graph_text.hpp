// Training graphs as text: a line a node, "phase name = Op(inputs) -> outputs @ forward node".
#pragma once

#include <string>

#include "lib/training/training_graph.hpp"

namespace mp::test {

inline std::string names_of(const Graph& graph, const std::vector<TensorId>& tensors) {
  std::string text;
  for (const TensorId id : tensors) {
    if (!text.empty()) text += ", ";
    text += id == kNone<TensorId> ? std::string("-") : graph.tensor(id).name;
  }
  return text;
}

inline char letter_of(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return 'F';
    case Phase::kBackward:
      return 'B';
    case Phase::kUpdate:
      return 'U';
  }
  return '?';
}

inline std::string to_text(const TrainingGraph& training) {
  std::string text;
  for (const NodeId id : ids<NodeId>(training.graph.nodes().size())) {
    const Node& node = training.graph.node(id);
    text += letter_of(training.phase[id]);
    text += ' ';
    text += node.op_name;
    text += '(';
    text += names_of(training.graph, node.inputs);
    text += ") -> ";
    text += names_of(training.graph, node.outputs);
    text += " @ ";
    text += training.graph.node(training.placed_with[id]).name;
    text += '\n';
  }
  return text;
}

}  // namespace mp::test
