// For a vertex, how strongly it is tied to each block: the table behind every gain.
#pragma once

#include <span>
#include <vector>

#include "partition/graph/tracked_partition.hpp"

namespace mp::partition {

// A row is filled when first asked for and kept exact from then on, so time and memory follow the boundary, not the
// graph. From its construction on, every move of the partition must go through move().
class Connectivity {
 public:
  struct Tie {
    BlockId block;
    Weight weight;  // > 0: Σ of the edges from the vertex into the block
  };

  // `partition` must outlive the table.
  explicit Connectivity(TrackedPartition& partition);

  // The blocks v has edges into, its own among them, in no order.
  [[nodiscard]] std::span<const Tie> row(VertexId v) {
    if (starts_[v] < 0) fill(v);
    return {pool_.data() + starts_[v], static_cast<std::size_t>(sizes_[v])};
  }
  [[nodiscard]] Weight to_block(VertexId v, BlockId b) {
    for (const Tie& tie : row(v))
      if (tie.block == b) return tie.weight;
    return 0;
  }
  [[nodiscard]] bool on_boundary(VertexId v) {
    const auto ties = row(v);
    return ties.size() > 1 || (ties.size() == 1 && ties[0].block != partition_->block_of(v));
  }
  // Moves v and brings the rows of its neighbours up to date.
  void move(VertexId v, BlockId to);
  // Whether every filled row equals a recount.
  [[nodiscard]] bool consistent() const;

 private:
  void fill(VertexId v);
  void shift(VertexId u, BlockId from, BlockId to, Weight weight);

  TrackedPartition* partition_;
  std::vector<Tie> pool_;
  IdVector<VertexId, std::int64_t> starts_;  // −1: not filled
  IdVector<VertexId, std::int32_t> sizes_;
  std::vector<Weight> sums_;      // scratch of fill(): per block, 0 between calls
  std::vector<BlockId> touched_;  // scratch of fill()
};

}  // namespace mp::partition
