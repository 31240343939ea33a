// The node that updates one trained parameter, with its state.
#pragma once

#include "lib/graph/builder.hpp"
#include "lib/training/optimizer.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Appends the state ("<parameter>.momentum"; "<parameter>.adam.m", "<parameter>.adam.v": zero, like the parameter) and
// the update, in place of parameter and state.
[[nodiscard]] TrainedParameter append_update(GraphBuilder& builder, const GraphParameter& parameter, TensorId gradient,
                                             const Optimizer& optimizer);

}  // namespace mp
