// Fiduccia–Mattheyses moves: hill-climbing with rollback to the best prefix.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/connectivity.hpp"
#include "partition/kernighan_lin/gain_heaps.hpp"
#include "partition/kernighan_lin/move_rule.hpp"

namespace mp::partition {

// A vertex is free, queued (in the heap of its block, under the gain of its best move), or locked (moved since
// unlock(), pinned by the caller). Queued keys may be too high, never unnoticed: a popped move is evaluated again.
//
// References: C. M. Fiduccia, R. M. Mattheyses, A linear-time heuristic for improving network partitions, DAC 1982;
// L. A. Sanchis, Multiple-way network partitioning, IEEE Trans. Computers 38, 1989; localised searches from single
// vertices: P. Sanders, C. Schulz, Engineering multilevel graph partitioning algorithms, ESA 2011.
// We keep heaps instead of gain buckets, because weights are 64-bit bytes; and as in the first paper a move may
// overfill a block by the vertex moved, if the next moves repair it: without that, tight balance stops every search.
class FmSearch {
 public:
  // `fixed` is empty or names for every vertex its block, or kNone; `rule` may be null. All must outlive the search.
  FmSearch(TrackedPartition& partition, Connectivity& connectivity, std::span<const BlockId> fixed,
           const MoveRule* rule = nullptr);

  // Moves vertices, starting with `seeds`, each at most once since unlock(), until nothing moves or `patience` moves
  // in a row brought nothing better; then takes back all moves after the best. Never makes (violation, cut) worse
  // and never empties a block that could be filled. Returns the moves kept. Ties are broken by `salt`.
  std::int64_t run(std::span<const VertexId> seeds, std::int64_t patience, std::uint32_t salt);

  void unlock();
  [[nodiscard]] bool locked(VertexId v) const { return locked_[v] != 0; }

 private:
  struct Target {
    BlockId block = kNone<BlockId>;
    Weight gain = 0;
  };
  struct Moved {
    VertexId vertex;
    BlockId from;
  };

  template <class Allowed>
  [[nodiscard]] Target best_of_row(VertexId v, const Allowed& allowed);
  [[nodiscard]] Target best_target(VertexId v);
  [[nodiscard]] Target best_repair(VertexId v);
  [[nodiscard]] bool permitted(VertexId v, BlockId to) const { return rule_ == nullptr || rule_->allows(v, to); }
  [[nodiscard]] bool may_leave(VertexId v) const {
    return may_empty_ || partition_->size_of(partition_->block_of(v)) > 1;
  }
  [[nodiscard]] bool may_enter(VertexId v, BlockId b) const;
  void queue(VertexId v);
  bool step();
  bool repair_step();
  void apply(VertexId v, BlockId to);
  std::int64_t roll_back(std::size_t keep);

  TrackedPartition* partition_;
  Connectivity* connectivity_;
  const MoveRule* rule_;
  bool may_empty_;  // more blocks than vertices: some are empty anyway
  GainHeaps heaps_;
  IdVector<VertexId, std::uint8_t> locked_;
  std::vector<VertexId> unlock_later_;
  std::vector<Moved> moves_;
  double base_violation_ = 0.0;
};

}  // namespace mp::partition
