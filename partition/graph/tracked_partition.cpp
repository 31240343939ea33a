#include "partition/graph/tracked_partition.hpp"

#include <algorithm>
#include <utility>

namespace mp::partition {

TrackedPartition::TrackedPartition(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment)
    : graph_(&graph),
      limits_(&limits),
      constraints_(static_cast<std::size_t>(graph.constraints)),
      assignment_(std::move(assignment)),
      sizes_(static_cast<std::size_t>(limits.blocks), 0),
      excess_(constraints_, 0),
      totals_(total_weights(graph)) {
  check_partition(graph, assignment_, limits);
  weights_ = block_weights_of(graph, assignment_, limits.blocks);
  for (const BlockId b : assignment_) ++sizes_[index(b)];
  for (std::size_t i = 0; i < weights_.size(); ++i) excess_[i % constraints_] += excess(i, weights_[i]);
  cut_ = cut_of(graph, assignment_);
}

double TrackedPartition::violation() const {
  double sum = 0.0;
  for (std::size_t c = 0; c < constraints_; ++c)
    if (excess_[c] > 0) sum += static_cast<double>(excess_[c]) / static_cast<double>(totals_[c]);
  return sum;
}

bool TrackedPartition::feasible() const {
  return std::all_of(excess_.begin(), excess_.end(), [](Weight e) { return e == 0; });
}

double TrackedPartition::violation_change(VertexId v, BlockId to) const {
  const auto weights = graph_->weights_of(v);
  const std::size_t source = index(block_of(v)) * constraints_;
  const std::size_t target = index(to) * constraints_;
  double sum = 0.0;
  for (std::size_t c = 0; c < constraints_; ++c) {
    const Weight before = excess(source + c, weights_[source + c]) + excess(target + c, weights_[target + c]);
    const Weight after =
        excess(source + c, weights_[source + c] - weights[c]) + excess(target + c, weights_[target + c] + weights[c]);
    if (after != before) sum += static_cast<double>(after - before) / static_cast<double>(totals_[c]);
  }
  return sum;
}

Weight TrackedPartition::connection(VertexId v, BlockId b) const {
  const auto row = graph_->neighbours_of(v);
  const auto weights = graph_->edge_weights_of(v);
  Weight sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i)
    if (assignment_[row[i]] == b) sum += weights[i];
  return sum;
}

void TrackedPartition::move(VertexId v, BlockId to, Weight known_gain) {
  MP_CHECK_HEAVY(known_gain == gain(v, to));
  if (to == block_of(v)) return;
  change_weight(block_of(v), v, -1);
  change_weight(to, v, +1);
  --sizes_[index(block_of(v))];
  ++sizes_[index(to)];
  assignment_[v] = to;
  cut_ -= known_gain;
}

bool TrackedPartition::fits(BlockId b, std::span<const Weight> more) const {
  const std::size_t slot = index(b) * constraints_;
  for (std::size_t c = 0; c < constraints_; ++c) {
    const Weight weight = weights_[slot + c] + (more.empty() ? 0 : more[c]);
    if (weight > limits_->max_weights[slot + c]) return false;
  }
  return true;
}

void TrackedPartition::change_weight(BlockId b, VertexId v, Weight sign) {
  const auto weights = graph_->weights_of(v);
  const std::size_t slot = index(b) * constraints_;
  for (std::size_t c = 0; c < constraints_; ++c) {
    excess_[c] -= excess(slot + c, weights_[slot + c]);
    weights_[slot + c] += sign * weights[c];
    excess_[c] += excess(slot + c, weights_[slot + c]);
  }
}

}  // namespace mp::partition
