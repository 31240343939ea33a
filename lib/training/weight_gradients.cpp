#include "lib/training/weight_gradients.hpp"

namespace mp {

IdVector<NodeId, bool> weight_gradient_nodes(const TrainingGraph& training) {
  const Graph& graph = training.graph;
  IdVector<NodeId, bool> found(graph.nodes().size(), false);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {  // readers first: ids are topological
    const NodeId n = make_id<NodeId>(i);
    if (training.phase[n] != Phase::kBackward) continue;
    bool is_read = false;
    bool for_updates_alone = true;
    for (const TensorId output : graph.node(n).outputs) {
      if (output == kNone<TensorId>) continue;
      for (const NodeId reader : graph.consumers(output)) {
        is_read = true;
        const bool follows = found[reader] && training.placed_with[reader] == training.placed_with[n];
        for_updates_alone = for_updates_alone && (training.phase[reader] == Phase::kUpdate || follows);
      }
    }
    found[n] = is_read && for_updates_alone;
  }
  return found;
}

}  // namespace mp
