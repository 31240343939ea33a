// The part of two neighbouring blocks, around their common border, in which a flow may move the border.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/multilevel/flow_cutter.hpp"
#include "partition/multilevel/gain_table.hpp"

namespace mp::partition {

struct FlowRegionOptions {
  double reach = 16.0;            // α: region weight a side may give away, in multiples of the slack
  std::int32_t max_distance = 2;  // from the border, in edges
  std::int32_t max_vertices_per_side = 20000;
};

// Builds the network of one pair: the rest of block a is the source, the rest of block b the sink.
class FlowRegion {
 public:
  // Chooses the region of blocks a and b. `border` holds at least all vertices of either block next to the other one
  // (more do no harm). Vertices with fixed[v] ≥ 0 stay outside. False if there is none.
  bool collect(const PartitionState& state, GainTable& table, BlockId a, BlockId b, std::span<const VertexId> border,
               std::span<const std::int32_t> fixed, const FlowRegionOptions& options);
  // Tells regions apart: which vertices, in which block.
  [[nodiscard]] std::uint64_t fingerprint(const PartitionState& state) const;
  // Builds the network of the region collected last: the rest of block a is the source, the rest of block b the sink.
  // False if no edge between the blocks is in it.
  bool build(const PartitionState& state, BlockId a, BlockId b);

  [[nodiscard]] FlowNetwork& network() { return network_; }
  [[nodiscard]] const FlowNodes& nodes() const { return nodes_; }
  // Weight of the cut edges that the network contains.
  [[nodiscard]] Weight present_cut() const { return present_cut_; }
  // Vertex i of the region is node i + 2.
  [[nodiscard]] std::span<const VertexId> vertices() const { return vertices_; }

 private:
  void collect_side(const PartitionState& state, GainTable& table, BlockId side, BlockId other,
                    std::span<const VertexId> border, std::span<const std::int32_t> fixed,
                    const FlowRegionOptions& options);
  bool take(const PartitionState& state, VertexId v, std::vector<Weight>& room);
  void connect(const PartitionState& state, BlockId a, BlockId b);
  void weigh(const PartitionState& state, BlockId a, BlockId b);

  FlowNetwork network_;
  FlowNodes nodes_;
  std::vector<VertexId> vertices_;
  std::vector<std::int32_t> layer_;           // of vertices_: steps from the border, 1 at the border
  IdVector<VertexId, std::int32_t> node_of_;  // 0: not in the region
  Weight present_cut_ = 0;
};

}  // namespace mp::partition
