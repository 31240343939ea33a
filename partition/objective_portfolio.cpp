#include "partition/objective_portfolio.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/mapping/block_mapping.hpp"
#include "partition/mapping/hierarchy.hpp"
#include "partition/mapping/objective_refine.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// `start` refined for the objective that stands at it, as a candidate that took `seconds` before.
ObjectiveCandidate refined(const WeightedGraph& graph, const BalanceLimits& limits, const PortfolioOptions& options,
                           const std::string& algorithm, Assignment start, Objective& objective, double seconds) {
  const Clock::time_point begin = Clock::now();
  ObjectiveRefinement result =
      refine_objective(graph, limits, std::move(start), objective, {.seed = options.seed, .fixed = options.fixed});
  return {.found = make_candidate(graph, limits, algorithm, {.assignment = std::move(result.assignment)},
                                  seconds + seconds_since(begin)),
          .value = result.value_after};
}

}  // namespace

std::vector<ObjectiveCandidate> run_volume_portfolio(const WeightedGraph& graph, const BalanceLimits& limits,
                                                     const TensorHyperedges& tensors, const PortfolioOptions& options) {
  std::vector<ObjectiveCandidate> result;
  for (const Candidate& found : run_portfolio(graph, limits, options)) {
    const auto objective = make_volume_objective(tensors, found.assignment, limits.blocks);
    result.push_back(refined(graph, limits, options, found.algorithm, found.assignment, *objective, found.seconds));
  }
  return result;
}

std::vector<ObjectiveCandidate> run_mapping_portfolio(const WeightedGraph& graph, const BalanceLimits& limits,
                                                      const Distances& distances, const PortfolioOptions& options) {
  check_distances(graph, distances);
  MP_CHECK(distances.devices == limits.blocks);
  std::vector<ObjectiveCandidate> result;
  const auto add = [&](const std::string& algorithm, Assignment start, double seconds) {
    const Clock::time_point begin = Clock::now();
    Assignment mapped = map_blocks(graph, limits, std::move(start), distances, options.fixed);
    const auto objective = make_mapping_objective(graph, mapped, distances);
    result.push_back(refined(graph, limits, options, algorithm, mapped, *objective, seconds + seconds_since(begin)));
  };
  for (const Candidate& found : run_portfolio(graph, limits, options))
    add(found.algorithm, found.assignment, found.seconds);
  const std::vector<std::int32_t> groups = nearest_groups(distances);
  if (*std::max_element(groups.begin(), groups.end()) + 1 == distances.devices) return result;
  const Clock::time_point begin = Clock::now();
  Assignment nested = partition_hierarchically(
      graph, limits, distances, options.fixed,
      [&](const WeightedGraph& part, const BalanceLimits& part_limits, std::span<const BlockId> fixed) {
        PortfolioOptions inner = options;
        inner.fixed.assign(fixed.begin(), fixed.end());
        return best_of(std::span<const Candidate>(run_portfolio(part, part_limits, inner))).assignment;
      });
  add("hierarchical", std::move(nested), seconds_since(begin));
  return result;
}

const ObjectiveCandidate& best_of(const std::vector<ObjectiveCandidate>& candidates) {
  MP_CHECK(!candidates.empty());
  return *std::min_element(candidates.begin(), candidates.end(),
                           [](const ObjectiveCandidate& a, const ObjectiveCandidate& b) {
                             const auto key = [](const ObjectiveCandidate& c) {
                               return std::tuple(c.found.violation, c.found.empty_blocks, c.value);
                             };
                             return key(a) != key(b) ? key(a) < key(b) : better(a.found, b.found);
                           });
}

}  // namespace mp::partition
