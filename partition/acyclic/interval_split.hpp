// Cutting a line of vertices into blocks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "partition/acyclic/task_dag.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct SplitOptions {
  std::span<const BlockId> blocks{};  // the block that takes each interval, in the order of the line; every block once
  std::span<const BlockId> fixed{};   // empty, or for every vertex its block or kNone
  std::int64_t most_steps = 50'000'000;  // beyond this much work, only some positions are tried as ends of blocks
};

// The assignment of least (violation, empty blocks, cut) among those whose blocks are intervals of `order`, by dynamic
// programming over (blocks used, vertices taken). Exact but for coarse ends on big graphs. Nothing if no split keeps
// `fixed`.
[[nodiscard]] std::optional<Assignment> split_order(const WeightedGraph& graph, const BalanceLimits& limits,
                                                    std::span<const VertexId> order, const SplitOptions& options);

}  // namespace mp::partition
