// The undirected weighted graph that every partitioner works on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/ids.hpp"

namespace mp::partition {

enum class VertexId : std::int32_t {};
enum class BlockId : std::int32_t {};

// Bytes, nanoseconds: whatever the caller balances and cuts. Sums must fit 64 bits; builders check that.
using Weight = std::int64_t;

// Compressed sparse rows. Guarantees (established by the builders, assumed by every algorithm): each edge
// stands in the rows of both ends with the same weight; no self loops; no parallel edges; all weights ≥ 0
// (edges > 0); the sums of all weights fit into Weight.
struct WeightedGraph {
  std::vector<std::int64_t> offsets{0};  // vertices + 1
  std::vector<VertexId> neighbours;      // 2 × edges
  std::vector<Weight> edge_weights;      // beside neighbours
  std::int32_t constraints = 1;          // balance constraints, e.g. 2: compute, memory
  std::vector<Weight> vertex_weights;    // vertices × constraints, a vertex's weights side by side

  [[nodiscard]] std::int32_t vertices() const { return static_cast<std::int32_t>(offsets.size()) - 1; }
  [[nodiscard]] std::int64_t edges() const { return static_cast<std::int64_t>(neighbours.size()) / 2; }
  [[nodiscard]] std::span<const VertexId> neighbours_of(VertexId v) const {
    return {neighbours.data() + offsets[index(v)], neighbours.data() + offsets[index(v) + 1]};
  }
  [[nodiscard]] std::span<const Weight> edge_weights_of(VertexId v) const {
    return {edge_weights.data() + offsets[index(v)], edge_weights.data() + offsets[index(v) + 1]};
  }
  [[nodiscard]] std::span<const Weight> weights_of(VertexId v) const {
    return {vertex_weights.data() + index(v) * static_cast<std::size_t>(constraints),
            static_cast<std::size_t>(constraints)};
  }
  friend bool operator==(const WeightedGraph&, const WeightedGraph&) = default;
};

// Block of every vertex.
using Assignment = IdVector<VertexId, BlockId>;

// The heaviest each block may be, per constraint: blocks × constraints. Blocks may differ (unequal devices).
struct BalanceLimits {
  std::int32_t blocks = 0;
  std::int32_t constraints = 1;
  std::vector<Weight> max_weights;

  [[nodiscard]] std::span<const Weight> of(BlockId b) const {
    return {max_weights.data() + index(b) * static_cast<std::size_t>(constraints),
            static_cast<std::size_t>(constraints)};
  }
  friend bool operator==(const BalanceLimits&, const BalanceLimits&) = default;
};

// Equal blocks at most `imbalance` heavier than average: ⌊(1 + imbalance)·⌈W/blocks⌉⌋ per constraint.
[[nodiscard]] BalanceLimits uniform_limits(const WeightedGraph& graph, std::int32_t blocks, double imbalance);

}  // namespace mp::partition
