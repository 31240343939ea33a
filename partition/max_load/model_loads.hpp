// The max-load problem of a model on a cluster.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"
#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// Units are placement units, devices those of the cluster, classes its types. Seconds are those of a step: every
// microbatch forward and backward, and the update. A tensor takes output_transfer_s of its producer's measured cost
// where that is given, else its bytes over the slowest link of the cluster, latency counted for every microbatch.
// Memory is what a unit keeps: parameters, optimizer state, accumulators, activations that backward reads (of one
// microbatch). A unit precedes another in the forward pass when one of its forward nodes is read by one of the other;
// a unit of backward nodes alone goes where the mirror image of its edges puts it. Throws InfeasibleError where a node
// is pinned to a device that is not there.
[[nodiscard]] LoadProblem load_problem_of(const TrainingGraph& training, const PlacementUnits& units,
                                          const Cluster& cluster);

// The largest load of a placement of the forward nodes, in seconds.
[[nodiscard]] double max_load_of(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                                 const Placement& placement);

}  // namespace mp::partition
