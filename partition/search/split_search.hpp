// The search for a short step among ways to cut nodes into parts.
#pragma once

#include <string>
#include <vector>

#include "lib/graph/choose_splits.hpp"
#include "lib/graph/node_split.hpp"
#include "partition/search/step_search.hpp"

namespace mp::partition {

struct SplitSearch {
  std::vector<NodeSplit> splits;
  Model model;       // in these parts
  StepSearch found;  // of that model
};

// More than a share of the FLOPs for each device of the cluster, or than the memory of the smallest.
[[nodiscard]] HeavyNodes heavy_nodes_of(const Cluster& cluster);

// Splits to plan a model with.
struct SplitCandidate {
  std::vector<NodeSplit> splits;
  bool tensor_parallel = false;  // made for pipelines whose stages are as many devices as nodes have parts
};

// What to try where a plan may split whatever makes its step shorter: nothing first; then, where nodes are more than a
// device's share of the FLOPs or its memory, these by channels or columns, by rows, by inputs (each once; not for more
// than 16 devices or 8 such nodes); then the pairs of products in 2, 4 and 8 parts, as far as a host has devices (not
// for more than 64 devices).
[[nodiscard]] std::vector<SplitCandidate> splits_to_try(const Graph& graph, const Cluster& cluster);

// search_step_time() for the model under each of `candidates`, the first with all of the effort, the others with less:
// the heavy nodes with the shortest step, and the pairs of products with the shortest, then with all of it, if that
// step is within a tenth of the shortest before. Of tensor parallelism nothing is simulated that is not estimated as
// near. The shortest is returned, the earlier of equals. Throws InfeasibleError as the first did, where none fits.
[[nodiscard]] SplitSearch search_splits(const Model& model, const std::string& source, const StepShape& shape,
                                        const Cluster& cluster, const StepSearchOptions& options,
                                        const std::vector<SplitCandidate>& candidates);

}  // namespace mp::partition
