// The forward pass alone, to measure a loss without training on it.
#pragma once

#include "lib/graph/graph.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// `forward` as a training graph without backward nodes and updates, each parameter at home where `training`, made of
// the same graph, has it: under the same placement both programs hold a parameter on the same device.
[[nodiscard]] TrainingGraph evaluation_graph(const Graph& forward, const TrainingGraph& training);

}  // namespace mp
