// A partition under change: blocks, their weights, the excess over the limits and the cut, always in step.
#pragma once

#include <span>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// The graph and the limits must outlive the state. Every change goes through move().
class TrackedPartition {
 public:
  // Recounts everything: O(vertices + edges).
  TrackedPartition(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment);

  [[nodiscard]] const WeightedGraph& graph() const { return *graph_; }
  [[nodiscard]] const BalanceLimits& limits() const { return *limits_; }
  [[nodiscard]] std::int32_t blocks() const { return limits_->blocks; }
  [[nodiscard]] const Assignment& assignment() const { return assignment_; }
  [[nodiscard]] BlockId block_of(VertexId v) const { return assignment_[v]; }
  [[nodiscard]] std::int32_t size_of(BlockId b) const { return sizes_[index(b)]; }
  [[nodiscard]] Weight cut() const { return cut_; }
  [[nodiscard]] std::span<const Weight> weights_of(BlockId b) const {
    return {weights_.data() + index(b) * constraints_, constraints_};
  }

  // 0 exactly when every block keeps its limits; see violation_of. O(constraints).
  [[nodiscard]] double violation() const;
  [[nodiscard]] bool feasible() const;
  // Whether block `b` is above one of its limits.
  [[nodiscard]] bool overloaded(BlockId b) const { return !fits(b, {}); }
  // Whether block `b` would keep its limits after taking `v`, which must not be in it.
  [[nodiscard]] bool fits(VertexId v, BlockId b) const { return fits(b, graph_->weights_of(v)); }
  // violation() after a move less violation() before it: negative is better.
  [[nodiscard]] double violation_change(VertexId v, BlockId to) const;

  // Σ weights of the edges of v into block b.
  [[nodiscard]] Weight connection(VertexId v, BlockId b) const;
  // What the cut would fall by if v went to `to`. O(degree).
  [[nodiscard]] Weight gain(VertexId v, BlockId to) const { return connection(v, to) - connection(v, block_of(v)); }

  // Moves v. `gain` must be gain(v, to), which the caller usually knows already (checked in heavy checks).
  void move(VertexId v, BlockId to, Weight gain);
  void move(VertexId v, BlockId to) { move(v, to, gain(v, to)); }

  [[nodiscard]] Assignment take() && { return std::move(assignment_); }

 private:
  [[nodiscard]] bool fits(BlockId b, std::span<const Weight> more) const;
  [[nodiscard]] Weight excess(std::size_t slot, Weight weight) const {
    return weight > limits_->max_weights[slot] ? weight - limits_->max_weights[slot] : 0;
  }
  void change_weight(BlockId b, VertexId v, Weight sign);

  const WeightedGraph* graph_;
  const BalanceLimits* limits_;
  std::size_t constraints_;
  Assignment assignment_;
  std::vector<Weight> weights_;  // blocks × constraints
  std::vector<std::int32_t> sizes_;
  std::vector<Weight> excess_;  // per constraint, Σ over blocks above the limit
  std::vector<Weight> totals_;  // per constraint
  Weight cut_ = 0;
};

}  // namespace mp::partition
