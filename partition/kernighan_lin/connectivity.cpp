#include "partition/kernighan_lin/connectivity.hpp"

#include <algorithm>

namespace mp::partition {

Connectivity::Connectivity(TrackedPartition& partition)
    : partition_(&partition),
      starts_(static_cast<std::size_t>(partition.graph().vertices()), -1),
      sizes_(static_cast<std::size_t>(partition.graph().vertices()), 0),
      sums_(static_cast<std::size_t>(partition.blocks()), 0) {}

void Connectivity::fill(VertexId v) {
  const auto neighbours = partition_->graph().neighbours_of(v);
  const auto weights = partition_->graph().edge_weights_of(v);
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const BlockId b = partition_->block_of(neighbours[i]);
    if (sums_[index(b)] == 0) touched_.push_back(b);
    sums_[index(b)] += weights[i];
  }
  // A vertex can never be tied to more blocks than it has neighbours.
  const std::size_t room = std::min(neighbours.size(), sums_.size());
  starts_[v] = static_cast<std::int64_t>(pool_.size());
  sizes_[v] = static_cast<std::int32_t>(touched_.size());
  for (const BlockId b : touched_) {
    pool_.push_back({.block = b, .weight = sums_[index(b)]});
    sums_[index(b)] = 0;
  }
  pool_.resize(pool_.size() + room - touched_.size());
  touched_.clear();
}

void Connectivity::shift(VertexId u, BlockId from, BlockId to, Weight weight) {
  Tie* const begin = pool_.data() + starts_[u];
  Tie* end = begin + sizes_[u];
  Tie* const source = std::find_if(begin, end, [&](const Tie& t) { return t.block == from; });
  source->weight -= weight;
  if (source->weight == 0) {
    *source = *--end;
    --sizes_[u];
  }
  Tie* const target = std::find_if(begin, end, [&](const Tie& t) { return t.block == to; });
  if (target == end) {
    *target = {.block = to, .weight = weight};
    ++sizes_[u];
  } else {
    target->weight += weight;
  }
}

void Connectivity::move(VertexId v, BlockId to) {
  const BlockId from = partition_->block_of(v);
  if (from == to) return;
  const Weight gain = to_block(v, to) - to_block(v, from);
  partition_->move(v, to, gain);
  const auto neighbours = partition_->graph().neighbours_of(v);
  const auto weights = partition_->graph().edge_weights_of(v);
  for (std::size_t i = 0; i < neighbours.size(); ++i)
    if (starts_[neighbours[i]] >= 0) shift(neighbours[i], from, to, weights[i]);
}

bool Connectivity::consistent() const {
  for (const VertexId v : ids<VertexId>(starts_.size())) {
    if (starts_[v] < 0) continue;
    Weight sum = 0;
    for (std::int32_t i = 0; i < sizes_[v]; ++i) {
      const Tie& tie = pool_[static_cast<std::size_t>(starts_[v] + i)];
      if (tie.weight <= 0 || tie.weight != partition_->connection(v, tie.block)) return false;
      sum += tie.weight;
    }
    Weight degree = 0;
    for (const Weight w : partition_->graph().edge_weights_of(v)) degree += w;
    if (sum != degree) return false;
  }
  return true;
}

}  // namespace mp::partition
