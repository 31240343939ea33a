#include "partition/acyclic/acyclic.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "partition/acyclic/interval_split.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/connectivity.hpp"
#include "partition/kernighan_lin/fm_search.hpp"
#include "partition/kernighan_lin/move_rule.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kMostPasses = 20;
constexpr std::int64_t kPatience = 300;

// No arc may go back in the order of the blocks that held at the beginning.
class KeepsOrder final : public MoveRule {
 public:
  KeepsOrder(const TaskDag& dag, const TrackedPartition& partition, const std::vector<BlockId>& order)
      : dag_(dag), partition_(partition), place_(order.size()) {
    for (std::size_t i = 0; i < order.size(); ++i) place_[order[i]] = i;
  }
  [[nodiscard]] bool allows(VertexId v, BlockId to) const override {
    const std::size_t place = place_[to];
    const auto before = [&](VertexId u) { return place_[partition_.block_of(u)] <= place; };
    const auto after = [&](VertexId u) { return place_[partition_.block_of(u)] >= place; };
    return std::ranges::all_of(dag_.predecessors_of(v), before) && std::ranges::all_of(dag_.successors_of(v), after);
  }

 private:
  const TaskDag& dag_;
  const TrackedPartition& partition_;
  IdVector<BlockId, std::size_t> place_;
};

// The orders of blocks to try along the line: as they are numbered, the roomiest first and last, and where vertices
// are fixed, by the average place of those on the line.
std::vector<std::vector<BlockId>> block_sequences(const BalanceLimits& limits, std::span<const VertexId> order,
                                                  std::span<const BlockId> fixed) {
  std::vector<BlockId> numbered;
  for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(limits.blocks))) numbered.push_back(b);
  std::vector<std::vector<BlockId>> result{numbered};
  const auto roomier = [&](BlockId a, BlockId b) {
    return std::ranges::lexicographical_compare(limits.of(b), limits.of(a));
  };
  if (!std::is_sorted(numbered.begin(), numbered.end(), roomier) || roomier(numbered.front(), numbered.back())) {
    std::stable_sort(numbered.begin(), numbered.end(), roomier);
    result.push_back(numbered);
    std::reverse(numbered.begin(), numbered.end());
    result.push_back(numbered);
  }
  if (!fixed.empty()) {
    IdVector<BlockId, std::pair<double, double>> places(numbered.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (fixed[index(order[i])] == kNone<BlockId>) continue;
      places[fixed[index(order[i])]].first += static_cast<double>(i);
      places[fixed[index(order[i])]].second += 1.0;
    }
    const auto mean = [&](BlockId b) {
      return places[b].second > 0 ? places[b].first / places[b].second : static_cast<double>(order.size()) / 2;
    };
    std::vector<BlockId> by_place = result.front();
    std::stable_sort(by_place.begin(), by_place.end(), [&](BlockId a, BlockId b) { return mean(a) < mean(b); });
    result.push_back(by_place);
  }
  return result;
}

struct Found {
  std::tuple<double, std::int32_t, Weight> worth;  // violation, empty blocks, cut
  Assignment assignment;
};

Found worth_of(const TaskDag& dag, const BalanceLimits& limits, Assignment assignment) {
  return {{violation_of(dag.graph, assignment, limits), empty_blocks_of(assignment, limits.blocks),
           cut_of(dag.graph, assignment)},
          std::move(assignment)};
}

}  // namespace

AcyclicRefinement refine_acyclic(const TaskDag& dag, const BalanceLimits& limits, Assignment assignment,
                                 const AcyclicOptions& options) {
  const std::vector<BlockId> order = block_order(dag, assignment, limits.blocks);
  MP_CHECK(!order.empty());
  TrackedPartition partition(dag.graph, limits, std::move(assignment));
  AcyclicRefinement result{.assignment = {}, .cut_before = partition.cut()};
  Connectivity connectivity(partition);
  const KeepsOrder rule(dag, partition, order);
  FmSearch search(partition, connectivity, options.fixed, &rule);
  RandomSource random(options.seed);
  for (std::int32_t pass = 0; pass < kMostPasses; ++pass) {
    std::vector<VertexId> seeds;
    for (const VertexId v : ids<VertexId>(partition.assignment().size()))
      if (connectivity.on_boundary(v)) seeds.push_back(v);
    search.unlock();
    const std::int64_t kept = search.run(seeds, kPatience, static_cast<std::uint32_t>(random.next()));
    result.moves_kept += kept;
    if (kept == 0) break;
  }
  result.cut_after = partition.cut();
  result.assignment = std::move(partition).take();
  MP_CHECK_HEAVY(is_acyclic(dag, result.assignment, limits.blocks));
  return result;
}

Assignment acyclic_partition(const TaskDag& dag, const BalanceLimits& limits, const AcyclicOptions& options) {
  std::vector<OrderPolicy> policies{OrderPolicy::kLeastOpen, OrderPolicy::kDepthFirst, OrderPolicy::kBreadthFirst};
  policies.insert(policies.end(), static_cast<std::size_t>(std::max(0, options.random_orders)), OrderPolicy::kRandom);
  RandomSource random(options.seed);
  std::optional<Found> best;
  for (const OrderPolicy policy : policies) {
    if (best && options.deadline.passed()) break;
    const std::vector<VertexId> order = topological_order(dag, policy, random);
    for (const std::vector<BlockId>& blocks : block_sequences(limits, order, options.fixed)) {
      std::optional<Assignment> split =
          split_order(dag.graph, limits, order, {.blocks = blocks, .fixed = options.fixed});
      if (!split) continue;
      Found found = worth_of(dag, limits, refine_acyclic(dag, limits, std::move(*split), options).assignment);
      if (!best || found.worth < best->worth) best = std::move(found);
    }
  }
  if (!best) throw InfeasibleError("no acyclic partition found that keeps every pinned vertex in its block");
  return std::move(best->assignment);
}

}  // namespace mp::partition
