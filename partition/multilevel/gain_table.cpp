#include "partition/multilevel/gain_table.hpp"

#include <algorithm>

namespace mp::partition {

void GainTable::attach(PartitionState& state) {
  state_ = &state;
  pool_.clear();
  filled_.clear();
  suspects_.clear();
  boundary_known_ = false;
  starts_.assign(static_cast<std::size_t>(state.graph().vertices()), kNoRow);
  sizes_.resize(starts_.size());
  sums_.assign(static_cast<std::size_t>(state.blocks()), 0);
}

void GainTable::fill(VertexId v) {
  const std::span<const VertexId> neighbours = state_->graph().neighbours_of(v);
  const std::span<const Weight> weights = state_->graph().edge_weights_of(v);
  touched_.clear();
  filled_.push_back(v);
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
    if (starts_[neighbours[i]] != kNoRow) {
      shift(neighbours[i], from, to, weights[i]);
    } else if (boundary_known_) {
      suspects_.push_back(neighbours[i]);
    }
  }
  if (boundary_known_ && starts_[v] == kNoRow) suspects_.push_back(v);
}

// Gives a row to every vertex of the boundary.
void GainTable::scan() {
  for (const VertexId v : ids<VertexId>(starts_.size())) {
    if (starts_[v] != kNoRow) continue;
    const BlockId own = state_->block(v);
    const std::span<const VertexId> neighbours = state_->graph().neighbours_of(v);
    if (std::ranges::any_of(neighbours, [&](VertexId u) { return state_->block(u) != own; })) fill(v);
  }
  boundary_known_ = true;
}

std::span<const VertexId> GainTable::boundary() {
  if (!boundary_known_) scan();
  for (const VertexId v : suspects_) {
    if (starts_[v] == kNoRow) fill(v);
  }
  suspects_.clear();
  boundary_.clear();
  for (const VertexId v : filled_) {
    if (sizes_[v] > 1 || (sizes_[v] == 1 && row(v).front().block != state_->block(v))) boundary_.push_back(v);
  }
  return boundary_;
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
