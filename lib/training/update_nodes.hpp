// The node that updates one trained parameter, with its state.
#pragma once

#include "lib/graph/builder.hpp"
#include "lib/training/optimizer.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Appends the state ("<parameter>.momentum"; "<parameter>.adam.m", "<parameter>.adam.v": zero, like the parameter) and
// the update, in place of parameter and state. A bfloat16 parameter has a float32 master as its first state
// ("<parameter>.master", drawn as the parameter is): the update is the master's, and writes the parameter as its copy.
[[nodiscard]] TrainedParameter append_update(GraphBuilder& builder, const GraphParameter& parameter, TensorId gradient,
                                             const Optimizer& optimizer);

// Whether any part of the parameter can be updated by itself: what an element becomes is up to that of its gradient and
// state alone.
[[nodiscard]] bool is_elementwise_update(const Node& update);

// The float32 tensor that is the parameter's value between steps, where the parameter itself is a rounded copy; kNone
// where it is its own value.
[[nodiscard]] TensorId master_of(const Graph& graph, const TrainedParameter& trained);

}  // namespace mp
