#include "partition/multilevel/refinement.hpp"

#include "partition/multilevel/rebalancer.hpp"

namespace mp::partition {

Quality Refiner::refine(PartitionState& state, Quality start, std::span<const std::int32_t> fixed,
                        const RefinementOptions& options, std::uint64_t seed) {
  if (state.blocks() < 2) return start;
  RandomSource random(seed);
  table_.attach(state);
  Quality quality = start.overload > 0 ? relieve(state, table_, start, fixed, fm_.heap) : start;
  for (int round = 0; round < options.max_rounds; ++round) {
    quality = kway_fm(state, table_, quality, fixed, options.fm, random, fm_).quality;
    if (!options.flows) break;
    const Quality before = quality;
    quality = refine_by_flow(state, table_, quality, fixed, options.flow, random, flow_);
    if (!(quality < before)) break;
  }
  return quality;
}

}  // namespace mp::partition
