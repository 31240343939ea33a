#include "partition/multilevel/gain_table.hpp"

#include <algorithm>

namespace mp::partition {

void GainTable::attach(PartitionState& state) {
  state_ = &state;
  pool_.clear();
  starts_.assign(static_cast<std::size_t>(state.graph().vertices()), kNoRow);
  sizes_.resize(starts_.size());
  sums_.assign(static_cast<std::size_t>(state.blocks()), 0);
}

void GainTable::fill(VertexId v) {
  const std::span<const VertexId> neighbours = state_->graph().neighbours_of(v);
  const std::span<const Weight> weights = state_->graph().edge_weights_of(v);
  touched_.clear();
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const BlockId b = state_->block(neighbours[i]);
    if (sums_[index(b)] == 0) touched_.push_back(b);
    sums_[index(b)] += weights[i];
  }
  // A row never outgrows this: a vertex touches no more blocks than it has neighbours.
  const std::size_t capacity = std::min(neighbours.size(), static_cast<std::size_t>(state_->blocks()));
  starts_[v] = static_cast<std::int64_t>(pool_.size());
  sizes_[v] = static_cast<std::int32_t>(touched_.size());
  for (const BlockId b : touched_) {
    pool_.push_back({b, sums_[index(b)]});
    sums_[index(b)] = 0;
  }
  pool_.resize(pool_.size() + capacity - touched_.size());
}

void GainTable::shift(VertexId u, BlockId from, BlockId to, Weight weight) {
  Entry* entries = pool_.data() + starts_[u];
  std::int32_t size = sizes_[u];
  Entry* into = nullptr;
  for (std::int32_t i = 0; i < size; ++i) {
    if (entries[i].block == to) into = entries + i;
    if (entries[i].block == from) {
      entries[i].weight -= weight;
      if (entries[i].weight == 0) {
        entries[i--] = entries[--size];  // looked at next: it may be `to`
      }
    }
  }
  if (into == nullptr) {
    into = entries + size++;
    *into = {to, 0};
  }
  into->weight += weight;
  sizes_[u] = size;
}

void GainTable::move(VertexId v, BlockId to) {
  const BlockId from = state_->block(v);
  state_->move(v, to);
  const std::span<const VertexId> neighbours = state_->graph().neighbours_of(v);
  const std::span<const Weight> weights = state_->graph().edge_weights_of(v);
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    if (starts_[neighbours[i]] != kNoRow) shift(neighbours[i], from, to, weights[i]);
  }
}

bool GainTable::consistent() const {
  for (const VertexId v : ids<VertexId>(starts_.size())) {
    if (starts_[v] == kNoRow) continue;
    std::vector<Weight> sums(static_cast<std::size_t>(state_->blocks()), 0);
    const std::span<const VertexId> neighbours = state_->graph().neighbours_of(v);
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      sums[index(state_->block(neighbours[i]))] += state_->graph().edge_weights_of(v)[i];
    }
    for (std::int32_t i = 0; i < sizes_[v]; ++i) {
      const Entry& entry = pool_[static_cast<std::size_t>(starts_[v] + i)];
      if (entry.weight != sums[index(entry.block)]) return false;
      sums[index(entry.block)] = 0;
    }
    if (std::ranges::any_of(sums, [](Weight w) { return w != 0; })) return false;
  }
  return true;
}

}  // namespace mp::partition
