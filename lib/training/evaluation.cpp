#include "lib/training/evaluation.hpp"

#include <optional>

#include "lib/base/check.hpp"

namespace mp {

TrainingGraph evaluation_graph(const Graph& forward, const TrainingGraph& training) {
  const std::size_t nodes = forward.nodes().size();
  MP_CHECK(static_cast<std::size_t>(training.forward_nodes) == nodes);
  TrainingGraph result;
  result.graph = forward;
  result.phase.assign(nodes, Phase::kForward);
  for (const NodeId node : ids<NodeId>(nodes)) result.placed_with.push_back(node);
  result.home.assign(forward.tensors().size(), kNone<NodeId>);
  for (const GraphParameter& parameter : forward.parameters()) {
    const std::optional<TensorId> trained = training.graph.find_tensor(forward.tensor(parameter.tensor).name);
    MP_CHECK(trained.has_value());
    result.home[parameter.tensor] = training.home[*trained];
  }
  result.forward_nodes = training.forward_nodes;
  result.microbatches = training.microbatches;
  return result;
}

}  // namespace mp
