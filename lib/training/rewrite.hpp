// What rewrites of a training graph have in common.
#pragma once

#include "lib/graph/builder.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Adds the inputs and parameters of `from` to a graph that has nothing yet; returns, by tensor of `from`, the new one
// (kNone: made by a node).
[[nodiscard]] IdVector<TensorId, TensorId> copy_inputs_and_parameters(const Graph& from, GraphBuilder& to);

// Says in `to` what `from` says of its passes and its step. `tensor`: by position in `from`, those of `to`.
void carry_over_step(const TrainingGraph& from, const IdVector<TensorId, TensorId>& tensor, TrainingGraph& to);

// Says in `to`, whose graph is complete, what `from` says of its parameters, fetched tensors and step. `tensor`,
// `node`: by position in `from`, those of `to`.
void carry_over(const TrainingGraph& from, const IdVector<TensorId, TensorId>& tensor,
                const IdVector<NodeId, NodeId>& node, TrainingGraph& to);

}  // namespace mp
