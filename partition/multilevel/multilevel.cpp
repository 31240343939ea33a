#include "partition/multilevel/multilevel.hpp"

#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/rebalance.hpp"
#include "partition/multilevel/evolution.hpp"

namespace mp::partition {
namespace {

Problem make_problem(const WeightedGraph& graph, const BalanceLimits& limits, const MultilevelOptions& options) {
  MP_CHECK(limits.blocks >= 1);
  MP_CHECK(options.fixed.empty() || options.fixed.size() == static_cast<std::size_t>(graph.vertices()));
  std::vector<std::int32_t> fixed;
  fixed.reserve(options.fixed.size());
  for (const BlockId b : options.fixed) fixed.push_back(b == kNone<BlockId> ? -1 : static_cast<std::int32_t>(b));
  BalanceLimits sane = limits;  // no limit at all may be written as the greatest number
  const std::vector<Weight> totals = total_weights(graph);
  for (std::size_t i = 0; i < sane.max_weights.size(); ++i) {
    sane.max_weights[i] = std::min(sane.max_weights[i], totals[i % totals.size()]);
  }
  const Preset settings = preset(options.effort, graph.vertices(), graph.edges());
  return {.graph = graph,
          .limits = std::move(sane),
          .fixed = std::move(fixed),
          .preset = settings,
          .progress = options.progress,
          // Several runs go side by side, one run uses the threads itself.
          .threads = settings.population > 1 || settings.generations > 0 ? 1 : options.threads};
}

// Where balance itself is the difficulty: the best of a few runs that keep the limits on all levels.
Individual strict_attempt(const Problem& problem, const MultilevelOptions& options) {
  constexpr std::uint64_t kAttempts = 4;
  Problem strict = problem;
  strict.preset.relaxation = 0;
  MultilevelRun run(strict);
  std::vector<Individual> found;
  for (std::uint64_t i = 0; i < kAttempts; ++i) {
    found.push_back(run.fresh(mix_seed(options.seed, 10 + i)));
    if (found.back().quality.overload == 0) break;
  }
  return *std::ranges::min_element(found, better);
}

// Keeps what every caller may count on: limits, and no block without need empty.
Individual repaired(const Problem& problem, const MultilevelOptions& options, Individual found) {
  TrackedPartition tracked(problem.graph, problem.limits, found.assignment);
  const auto has_empty_block = [&] {
    return std::ranges::any_of(ids<BlockId>(static_cast<std::size_t>(problem.limits.blocks)),
                               [&](BlockId b) { return tracked.size_of(b) == 0; });
  };
  const bool overloaded = !tracked.feasible();
  if (!overloaded && !has_empty_block()) return found;
  if (overloaded) rebalance(tracked, options.fixed);
  fill_empty_blocks(tracked, options.fixed);
  const PartitionState state(problem.graph, problem.limits, std::move(tracked).take());
  Individual result{state.assignment(), state.count_quality()};
  if (!overloaded) return result;
  if (result.quality.overload > 0) result = std::min(result, strict_attempt(problem, options), better);
  return std::min(result, MultilevelRun(problem).cycle(result, mix_seed(options.seed, 3)), better);
}

MultilevelResult search(const Problem& problem, std::optional<Individual> given, const MultilevelOptions& options) {
  const EvolutionOptions evolution{.population = problem.preset.population,
                                   .generations = problem.preset.generations,
                                   .children = problem.preset.children,
                                   .give_up_after = problem.preset.give_up_after,
                                   .seed = mix_seed(options.seed, given ? 2 : 1),
                                   .threads = options.threads,
                                   .deadline = options.deadline};
  EvolutionResult result = evolve(problem, std::move(given), evolution);
  const Individual best = repaired(problem, options, std::move(result.best));
  return {.assignment = best.assignment,
          .cut = best.quality.cut,
          .overload = best.quality.overload,
          .searched = result.searched};
}

}  // namespace

MultilevelResult multilevel(const WeightedGraph& graph, const BalanceLimits& limits, const MultilevelOptions& options) {
  return search(make_problem(graph, limits, options), std::nullopt, options);
}

MultilevelResult improve(const WeightedGraph& graph, const BalanceLimits& limits, const Assignment& assignment,
                         const MultilevelOptions& options) {
  Problem problem = make_problem(graph, limits, options);
  const PartitionState state(graph, limits, assignment);
  problem.preset.generations = std::max(1, problem.preset.generations);
  return search(problem, Individual{assignment, state.count_quality()}, options);
}

}  // namespace mp::partition
