// Directed graphs for the tests of acyclic partitions.
#pragma once

#include "partition/acyclic/task_dag.hpp"
#include "tests/partition/support/graphs.hpp"

namespace mp::partition::test {

// A random graph of the kind, most edges directed from the lower to the higher vertex, some arcs that are no edges.
[[nodiscard]] TaskDag random_dag(Kind kind, int vertices, RandomSource& random);
// Layers of a model: `width` parallel chains that join in every `period`th layer, weights by seed.
[[nodiscard]] TaskDag layered_dag(int layers, int width, int period, RandomSource& random);

}  // namespace mp::partition::test
