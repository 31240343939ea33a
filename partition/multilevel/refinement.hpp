// All refinement of one level: k-way FM, then flows, and again while they help.
#pragma once

#include <cstdint>

#include "partition/multilevel/flow_refinement.hpp"
#include "partition/multilevel/kway_fm.hpp"

namespace mp::partition {

struct RefinementOptions {
  KwayFmOptions fm{};
  bool flows = true;
  FlowOptions flow{};
  int max_rounds = 1;  // of FM and flows in turn
};

// Owns the memory that the refinement of many levels and candidates shares.
class Refiner {
 public:
  // Improves `state`, whose quality is `start`; never makes it worse. Vertices with fixed[v] ≥ 0 stay.
  Quality refine(PartitionState& state, Quality start, std::span<const std::int32_t> fixed,
                 const RefinementOptions& options, std::uint64_t seed);

 private:
  GainTable table_;
  KwayFmScratch fm_;
  FlowScratch flow_;
};

}  // namespace mp::partition
