#include "partition/multilevel/partition_state.hpp"

#include "lib/base/check.hpp"

namespace mp::partition {

PartitionState::PartitionState(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment)
    : graph_(&graph),
      limits_(&limits),
      constraints_(static_cast<std::size_t>(graph.constraints)),
      assignment_(std::move(assignment)),
      block_weights_(static_cast<std::size_t>(limits.blocks) * constraints_, 0) {
  MP_CHECK(assignment_.size() == static_cast<std::size_t>(graph.vertices()));
  MP_CHECK(limits.constraints == graph.constraints);
  for (const VertexId v : ids<VertexId>(assignment_.size())) {
    const std::span<const Weight> weights = graph.weights_of(v);
    for (std::size_t c = 0; c < constraints_; ++c) {
      block_weights_[index(assignment_[v]) * constraints_ + c] += weights[c];
    }
  }
  for (std::size_t i = 0; i < block_weights_.size(); ++i) {
    overload_ += std::max<Weight>(0, block_weights_[i] - limits.max_weights[i]);
  }
}

bool PartitionState::overloaded(BlockId b) const {
  const std::span<const Weight> limit = limits_->of(b);
  const std::span<const Weight> weight = block_weights(b);
  for (std::size_t c = 0; c < constraints_; ++c) {
    if (weight[c] > limit[c]) return true;
  }
  return false;
}

Weight PartitionState::overload_change(VertexId v, BlockId to) const {
  const std::span<const Weight> add = graph_->weights_of(v);
  const BlockId from = assignment_[v];
  Weight change = 0;
  for (std::size_t c = 0; c < constraints_; ++c) {
    const Weight above_to = block_weights(to)[c] - limits_->of(to)[c];
    const Weight above_from = block_weights(from)[c] - limits_->of(from)[c];
    change += std::max<Weight>(0, above_to + add[c]) - std::max<Weight>(0, above_to);
    change += std::max<Weight>(0, above_from - add[c]) - std::max<Weight>(0, above_from);
  }
  return change;
}

double PartitionState::load(BlockId b) const {
  const std::span<const Weight> limit = limits_->of(b);
  const std::span<const Weight> weight = block_weights(b);
  double fullest = 0;
  for (std::size_t c = 0; c < constraints_; ++c) {
    fullest = std::max(fullest, static_cast<double>(weight[c]) / static_cast<double>(std::max<Weight>(1, limit[c])));
  }
  return fullest;
}

Weight PartitionState::count_cut() const {
  Weight twice = 0;
  for (const VertexId v : ids<VertexId>(assignment_.size())) {
    const std::span<const VertexId> neighbours = graph_->neighbours_of(v);
    const std::span<const Weight> weights = graph_->edge_weights_of(v);
    const BlockId own = assignment_[v];
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      if (assignment_[neighbours[i]] != own) twice += weights[i];
    }
  }
  return twice / 2;
}

bool PartitionState::consistent() const {
  const PartitionState fresh(*graph_, *limits_, assignment_);
  return fresh.block_weights_ == block_weights_ && fresh.overload_ == overload_;
}

}  // namespace mp::partition
