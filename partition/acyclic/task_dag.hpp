// Graphs whose edges have a direction that the blocks of a partition must respect.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct Arc {
  VertexId from = kNone<VertexId>;
  VertexId to = kNone<VertexId>;
  friend bool operator==(const Arc&, const Arc&) = default;
};

// What is cut (`graph`: all bytes between two vertices, forward and back) beside what comes before what (the arcs,
// acyclic). An arc need not be an edge, nor an edge an arc. Built by make_task_dag(), then read-only.
struct TaskDag {
  WeightedGraph graph;
  std::vector<std::int64_t> successor_offsets{0};
  std::vector<VertexId> successor_list;
  std::vector<std::int64_t> predecessor_offsets{0};
  std::vector<VertexId> predecessor_list;

  [[nodiscard]] std::span<const VertexId> successors_of(VertexId v) const {
    return {successor_list.data() + successor_offsets[index(v)],
            successor_list.data() + successor_offsets[index(v) + 1]};
  }
  [[nodiscard]] std::span<const VertexId> predecessors_of(VertexId v) const {
    return {predecessor_list.data() + predecessor_offsets[index(v)],
            predecessor_list.data() + predecessor_offsets[index(v) + 1]};
  }
};

// Parallel arcs are merged, loops dropped. Throws InputError("<graph>") naming an arc out of range, or the vertices
// of a cycle.
[[nodiscard]] TaskDag make_task_dag(WeightedGraph graph, std::span<const Arc> arcs);

// Every vertex after its predecessors. Several policies, because a split of an order is only as good as the order.
enum class OrderPolicy {
  kBreadthFirst,  // ready vertices in the order in which they got ready
  kDepthFirst,    // the vertex that got ready last
  kLeastOpen,     // the ready vertex that leaves the least weight of edges open
  kRandom,
};
[[nodiscard]] std::vector<VertexId> topological_order(const TaskDag& dag, OrderPolicy policy, RandomSource& random);

// Whether the blocks can be ordered so that no arc goes back: the quotient graph has no cycle.
[[nodiscard]] bool is_acyclic(const TaskDag& dag, const Assignment& assignment, std::int32_t blocks);
// Such an order of all blocks, empty ones last; empty if there is none. Deterministic.
[[nodiscard]] std::vector<BlockId> block_order(const TaskDag& dag, const Assignment& assignment, std::int32_t blocks);

}  // namespace mp::partition
