// For a vertex, how strongly it is tied to each block: the table behind every move gain.
#pragma once

#include <span>
#include <vector>

#include "partition/multilevel/partition_state.hpp"

namespace mp::partition {

// Rows are filled when first asked for and kept exact from then on, so that memory and time follow the
// boundary, not the graph. All moves must go through move() while a table is attached.
class GainTable {
 public:
  struct Entry {
    BlockId block;
    Weight weight;  // > 0: sum of the edges from the vertex into the block
  };

  // Forgets all rows; `state` is the partition from now on and must outlive the attachment.
  void attach(PartitionState& state);

  // The blocks that v is connected to, its own among them if it has edges inside; no order.
  [[nodiscard]] std::span<const Entry> row(VertexId v) {
    if (starts_[v] == kNoRow) fill(v);
    return {pool_.data() + starts_[v], static_cast<std::size_t>(sizes_[v])};
  }
  [[nodiscard]] Weight connection(VertexId v, BlockId b) {
    for (const Entry& entry : row(v)) {
      if (entry.block == b) return entry.weight;
    }
    return 0;
  }

  // Vertices with a neighbour in another block, each once, in an order that depends on nothing but the moves so far.
  // The first call looks at the whole graph, later ones at what the moves since then can have changed. Valid until the
  // next call.
  [[nodiscard]] std::span<const VertexId> boundary();

  // Moves v and brings the neighbours' rows up to date.
  void move(VertexId v, BlockId to);

  // Whether every filled row equals a recount (for MP_CHECK_HEAVY).
  [[nodiscard]] bool consistent() const;

 private:
  static constexpr std::int64_t kNoRow = -1;
  void fill(VertexId v);
  void scan();
  void shift(VertexId u, BlockId from, BlockId to, Weight weight);

  PartitionState* state_ = nullptr;
  std::vector<Entry> pool_;
  IdVector<VertexId, std::int64_t> starts_;
  IdVector<VertexId, std::int32_t> sizes_;
  std::vector<VertexId> filled_;    // vertices with a row; all of the boundary once it is known
  std::vector<VertexId> suspects_;  // without a row, but may have come to the boundary since it was last asked for
  std::vector<VertexId> boundary_;
  bool boundary_known_ = false;
  std::vector<Weight> sums_;  // scratch of fill(): by block, zero between calls
  std::vector<BlockId> touched_;
};

}  // namespace mp::partition
