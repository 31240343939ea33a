#include "partition/kernighan_lin/fm_search.hpp"

#include <algorithm>

namespace mp::partition {
namespace {

// How far a block may be overfilled for the time being, as a share of its limit.
constexpr Weight kOverfillShare = 4;

// Vertices of an overfilled block that are tried for repair.
constexpr std::size_t kRepairCandidates = 64;

}  // namespace

FmSearch::FmSearch(TrackedPartition& partition, Connectivity& connectivity, std::span<const BlockId> fixed,
                   const MoveRule* rule)
    : partition_(&partition),
      connectivity_(&connectivity),
      rule_(rule),
      may_empty_(partition.graph().vertices() < partition.blocks()),
      heaps_(partition.graph().vertices(), partition.blocks()),
      locked_(static_cast<std::size_t>(partition.graph().vertices()), 0) {
  for (std::size_t v = 0; v < fixed.size(); ++v)
    if (fixed[v] != kNone<BlockId>) locked_[make_id<VertexId>(v)] = 1;
}

void FmSearch::unlock() {
  for (const VertexId v : unlock_later_) locked_[v] = 0;
  unlock_later_.clear();
}

std::int64_t FmSearch::run(std::span<const VertexId> seeds, std::int64_t patience, std::uint32_t salt) {
  heaps_.clear(salt);
  moves_.clear();
  base_violation_ = partition_->violation();
  for (const VertexId v : seeds)
    if (!locked(v)) queue(v);
  double best_violation = base_violation_;
  Weight best_cut = partition_->cut();
  std::size_t best_moves = 0;
  while (static_cast<std::int64_t>(moves_.size() - best_moves) < patience) {
    const double violation = partition_->violation();
    if (!(violation > base_violation_ ? repair_step() : step())) break;
    const double now = partition_->violation();
    if (now > best_violation || (now == best_violation && partition_->cut() >= best_cut)) continue;
    best_violation = now;
    best_cut = partition_->cut();
    best_moves = moves_.size();
  }
  return roll_back(best_moves);
}

// The block to which v would go with the highest gain, of those that `allowed` lets it go to; among equals the one with
// most room left is of no advantage in experiments, so the first one of the row.
template <class Allowed>
FmSearch::Target FmSearch::best_of_row(VertexId v, const Allowed& allowed) {
  Target best;
  if (!may_leave(v)) return best;
  const BlockId own = partition_->block_of(v);
  Weight inside = 0;
  for (const Connectivity::Tie& tie : connectivity_->row(v)) {
    if (tie.block == own) {
      inside = tie.weight;
    } else if ((best.block == kNone<BlockId> || tie.weight > best.gain) && allowed(tie.block) &&
               permitted(v, tie.block)) {
      best = {.block = tie.block, .gain = tie.weight};
    }
  }
  best.gain -= inside;
  return best;
}

FmSearch::Target FmSearch::best_target(VertexId v) {
  return best_of_row(v, [&](BlockId b) { return may_enter(v, b); });
}

bool FmSearch::may_enter(VertexId v, BlockId b) const {
  if (partition_->fits(v, b)) return true;
  const auto weights = partition_->graph().weights_of(v);
  const auto load = partition_->weights_of(b);
  const auto limits = partition_->limits().of(b);
  for (std::size_t c = 0; c < weights.size(); ++c) {
    if (weights[c] == 0) continue;
    if (load[c] > limits[c] || load[c] - limits[c] + weights[c] > std::max<Weight>(1, limits[c] / kOverfillShare))
      return false;
  }
  return true;
}

// The best move of v that lowers the violation. Ties are everything: a vertex tied to no other block stays.
FmSearch::Target FmSearch::best_repair(VertexId v) {
  return best_of_row(v, [&](BlockId b) { return partition_->violation_change(v, b) < 0.0; });
}

void FmSearch::queue(VertexId v) {
  const Target target = best_target(v);
  if (target.block != kNone<BlockId>)
    heaps_.set(v, partition_->block_of(v), target.gain);
  else if (heaps_.contains(v))
    heaps_.remove(v);
}

bool FmSearch::step() {
  for (BlockId b = heaps_.best_block(); b != kNone<BlockId>; b = heaps_.best_block()) {
    const GainHeaps::Item top = heaps_.of(b).front();
    const Target target = best_target(top.vertex);
    if (target.block == kNone<BlockId>) {
      heaps_.remove(top.vertex);
    } else if (target.gain < top.gain) {
      heaps_.set(top.vertex, b, target.gain);
    } else {
      apply(top.vertex, target.block);
      return true;
    }
  }
  return false;
}

bool FmSearch::repair_step() {
  VertexId vertex = kNone<VertexId>;
  Target best;
  for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(partition_->blocks()))) {
    if (!partition_->overloaded(b)) continue;
    const auto items = heaps_.of(b);
    for (std::size_t i = 0; i < std::min(items.size(), kRepairCandidates); ++i) {
      const Target target = best_repair(items[i].vertex);
      if (target.block == kNone<BlockId> || (vertex != kNone<VertexId> && target.gain <= best.gain)) continue;
      vertex = items[i].vertex;
      best = target;
    }
  }
  if (vertex == kNone<VertexId>) return false;
  apply(vertex, best.block);
  return true;
}

void FmSearch::apply(VertexId v, BlockId to) {
  heaps_.remove(v);
  locked_[v] = 1;
  unlock_later_.push_back(v);
  moves_.push_back({.vertex = v, .from = partition_->block_of(v)});
  connectivity_->move(v, to);
  for (const VertexId u : partition_->graph().neighbours_of(v))
    if (!locked(u)) queue(u);
}

std::int64_t FmSearch::roll_back(std::size_t keep) {
  while (moves_.size() > keep) {
    connectivity_->move(moves_.back().vertex, moves_.back().from);
    moves_.pop_back();
  }
  return static_cast<std::int64_t>(keep);
}

}  // namespace mp::partition
