// A partition under change: every block's weight and the total overload follow each move.
#pragma once

#include <algorithm>
#include <compare>
#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// How good a partition is. Less is better; feasibility (no overload) comes before the cut.
struct Quality {
  Weight overload = 0;  // sum over blocks and constraints of the weight above the limit
  Weight cut = 0;
  friend auto operator<=>(const Quality&, const Quality&) = default;
};

class PartitionState {
 public:
  // `assignment` gives every vertex a block; graph and limits must outlive the state.
  PartitionState(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment);

  [[nodiscard]] const WeightedGraph& graph() const { return *graph_; }
  [[nodiscard]] const BalanceLimits& limits() const { return *limits_; }
  [[nodiscard]] std::int32_t blocks() const { return limits_->blocks; }
  [[nodiscard]] BlockId block(VertexId v) const { return assignment_[v]; }
  [[nodiscard]] const Assignment& assignment() const { return assignment_; }
  [[nodiscard]] Assignment take_assignment() && { return std::move(assignment_); }
  [[nodiscard]] std::span<const Weight> block_weights(BlockId b) const {
    return {block_weights_.data() + index(b) * constraints_, constraints_};
  }
  [[nodiscard]] Weight overload() const { return overload_; }
  [[nodiscard]] bool overloaded(BlockId b) const;

  // Whether `to` stays within its limits, exceeded by at most `slack` times each limit, when v joins it.
  [[nodiscard]] bool fits(VertexId v, BlockId to, double slack = 0.0) const;
  // By how much the total overload would change.
  [[nodiscard]] Weight overload_change(VertexId v, BlockId to) const;
  // The fullest constraint of `b`: weight / limit.
  [[nodiscard]] double load(BlockId b) const;

  void move(VertexId v, BlockId to);

  // Recounts the cut from the edges.
  [[nodiscard]] Weight count_cut() const;
  [[nodiscard]] Quality count_quality() const { return {overload_, count_cut()}; }
  // Whether weights and overload equal a recount (for MP_CHECK_HEAVY).
  [[nodiscard]] bool consistent() const;

 private:
  void add(BlockId b, std::span<const Weight> weights, Weight sign);

  const WeightedGraph* graph_;
  const BalanceLimits* limits_;
  std::size_t constraints_;
  Assignment assignment_;
  std::vector<Weight> block_weights_;  // blocks × constraints
  Weight overload_ = 0;
};

inline bool PartitionState::fits(VertexId v, BlockId to, double slack) const {
  const std::span<const Weight> add = graph_->weights_of(v);
  const std::span<const Weight> limit = limits_->of(to);
  const Weight* weight = block_weights_.data() + index(to) * constraints_;
  for (std::size_t c = 0; c < constraints_; ++c) {
    const Weight allowed = limit[c] + (slack > 0 ? static_cast<Weight>(slack * static_cast<double>(limit[c])) : 0);
    if (add[c] > 0 && weight[c] + add[c] > allowed) return false;
  }
  return true;
}

inline void PartitionState::add(BlockId b, std::span<const Weight> weights, Weight sign) {
  const std::span<const Weight> limit = limits_->of(b);
  Weight* weight = block_weights_.data() + index(b) * constraints_;
  for (std::size_t c = 0; c < constraints_; ++c) {
    overload_ -= std::max<Weight>(0, weight[c] - limit[c]);
    weight[c] += sign * weights[c];
    overload_ += std::max<Weight>(0, weight[c] - limit[c]);
  }
}

inline void PartitionState::move(VertexId v, BlockId to) {
  const std::span<const Weight> weights = graph_->weights_of(v);
  add(assignment_[v], weights, -1);
  add(to, weights, 1);
  assignment_[v] = to;
}

}  // namespace mp::partition
