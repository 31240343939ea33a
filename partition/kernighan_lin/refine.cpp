#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/connectivity.hpp"
#include "partition/kernighan_lin/fm_search.hpp"
#include "partition/kernighan_lin/kernighan_lin.hpp"
#include "partition/kernighan_lin/pair_swaps.hpp"
#include "partition/kernighan_lin/rebalance.hpp"

namespace mp::partition {
namespace {

// Moves without progress after which a whole pass, and a search from one vertex, give up.
constexpr std::int64_t kPassPatience = 400;
constexpr std::int64_t kSearchPatience = 40;

class Refiner {
 public:
  Refiner(TrackedPartition& partition, const RefineOptions& options)
      : partition_(partition),
        options_(options),
        random_(options.seed),
        connectivity_(partition),
        search_(partition, connectivity_, options.fixed) {}

  void run(RefineResult& result) {
    for (bool better = true; better && !late();) {
      better = whole_pass(result);
      if (!better) better = swaps(result);
      for (std::int32_t round = 0; round < options_.rounds && !late() && localised_round(result); ++round)
        better = true;
      ++result.passes;
    }
    MP_CHECK_HEAVY(connectivity_.consistent());
  }

 private:
  [[nodiscard]] bool late() const { return options_.deadline.passed(); }

  [[nodiscard]] std::vector<VertexId> boundary() {
    std::vector<VertexId> result;
    for (const VertexId v : ids<VertexId>(partition_.assignment().size()))
      if (connectivity_.on_boundary(v)) result.push_back(v);
    return result;
  }
  [[nodiscard]] std::uint32_t salt() { return static_cast<std::uint32_t>(random_.next()); }

  bool whole_pass(RefineResult& result) {
    const std::vector<VertexId> seeds = boundary();
    search_.unlock();
    const std::int64_t kept =
        search_.run(seeds, std::max<std::int64_t>(kPassPatience, static_cast<std::int64_t>(seeds.size()) / 4), salt());
    result.moves_kept += kept;
    return kept > 0;
  }

  bool swaps(RefineResult& result) {
    const std::int64_t kept = swap_pass(partition_, connectivity_, options_.fixed);
    result.moves_kept += 2 * kept;
    return kept > 0;
  }

  // A search from every boundary vertex in random order; a vertex that moved once, even in vain, rests for the round.
  bool localised_round(RefineResult& result) {
    std::vector<VertexId> seeds = boundary();
    random_.shuffle(std::span(seeds));
    search_.unlock();
    std::int64_t kept = 0;
    for (const VertexId v : seeds) {
      if (search_.locked(v) || !connectivity_.on_boundary(v)) continue;
      kept += search_.run(std::span(&v, 1), kSearchPatience, salt());
    }
    result.moves_kept += kept;
    return kept > 0;
  }

  TrackedPartition& partition_;
  const RefineOptions& options_;
  RandomSource random_;
  Connectivity connectivity_;
  FmSearch search_;
};

void check_fixed(const Assignment& assignment, std::span<const BlockId> fixed) {
  MP_CHECK(fixed.empty() || fixed.size() == assignment.size());
  for (std::size_t v = 0; v < fixed.size(); ++v)
    MP_CHECK(fixed[v] == kNone<BlockId> || assignment[make_id<VertexId>(v)] == fixed[v]);
}

}  // namespace

RefineResult refine(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                    const RefineOptions& options) {
  check_fixed(assignment, options.fixed);
  TrackedPartition partition(graph, limits, std::move(assignment));
  RefineResult result{.assignment = {}, .cut_before = partition.cut(), .violation_before = partition.violation()};
  rebalance(partition, options.fixed);
  fill_empty_blocks(partition, options.fixed);
  if (limits.blocks > 1) Refiner(partition, options).run(result);
  result.cut_after = partition.cut();
  result.violation_after = partition.violation();
  result.assignment = std::move(partition).take();
  return result;
}

}  // namespace mp::partition
