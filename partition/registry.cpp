#include "partition/registry.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

#include "partition/annealing/annealing.hpp"
#include "partition/exact/exact.hpp"
#include "partition/fixed_vertices.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/kernighan_lin/kernighan_lin.hpp"
#include "partition/linear/linear_split.hpp"
#include "partition/metis/metis.hpp"
#include "partition/multilevel/multilevel.hpp"

namespace mp::partition {
namespace {

struct Settings {
  std::int32_t metis_cuts;
  std::int32_t metis_iterations;
  std::int32_t refine_rounds;
  std::int32_t restarts;
  std::int64_t annealing_moves;
  std::int64_t exact_steps;
};

Settings settings_of(Effort effort) {
  switch (effort) {
    case Effort::kFast:
      return {.metis_cuts = 1,
              .metis_iterations = 10,
              .refine_rounds = 0,
              .restarts = 1,
              .annealing_moves = 200'000,
              .exact_steps = 1'000'000};
    case Effort::kDefault:
      return {.metis_cuts = 1,
              .metis_iterations = 10,
              .refine_rounds = 8,
              .restarts = 8,
              .annealing_moves = 3'000'000,
              .exact_steps = 10'000'000};
    case Effort::kHigh:
      return {.metis_cuts = 10,
              .metis_iterations = 50,
              .refine_rounds = 16,
              .restarts = 32,
              .annealing_moves = 12'000'000,
              .exact_steps = 200'000'000};
    case Effort::kBest:
      return {.metis_cuts = 40,
              .metis_iterations = 50,
              .refine_rounds = 32,
              .restarts = 128,
              .annealing_moves = 40'000'000,
              .exact_steps = 5'000'000'000};
  }
  return {};
}

// The best of METIS's k-way partitions and the best of its recursive ones, in this order: of many seeds where the graph
// is so small that all of them take a fraction of a second.
std::vector<Assignment> metis_partitions(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  constexpr std::int32_t kSmall = 400;
  constexpr std::uint64_t kSeeds = 100;
  const Settings settings = settings_of(task.effort);
  const auto worth = [&](const Assignment& a) {
    return std::tuple(violation_of(graph, a, limits), empty_blocks_of(a, limits.blocks), cut_of(graph, a));
  };
  const std::uint64_t seeds = graph.vertices() <= kSmall && task.effort != Effort::kFast ? kSeeds : 1;
  std::vector<Assignment> result;
  for (const MetisMethod method : {MetisMethod::kKway, MetisMethod::kRecursive}) {
    MetisOptions options{.method = method, .cuts = settings.metis_cuts, .iterations = settings.metis_iterations};
    std::vector<Assignment> found;
    for (std::uint64_t i = 0; i < seeds; ++i) {
      options.seed = task.seed + i;
      found.push_back(with_fixed(graph, limits, metis_partition(graph, limits, options), task.fixed));
      options.cuts = 1;
      options.iterations = MetisOptions{}.iterations;
      if (task.deadline.passed()) break;
    }
    result.push_back(std::ranges::min(found, {}, worth));
  }
  return result;
}

Solution run_metis(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  std::vector<Assignment> found = metis_partitions(graph, limits, task);
  const auto worth = [&](const Assignment& a) {
    return std::tuple(violation_of(graph, a, limits), empty_blocks_of(a, limits.blocks), cut_of(graph, a));
  };
  const auto best = std::min_element(found.begin(), found.end(),
                                     [&](const Assignment& a, const Assignment& b) { return worth(a) < worth(b); });
  return {.assignment = std::move(*best), .lower_bound = {}};
}

Solution run_metis_refined(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  std::vector<RefineResult> refined;
  for (Assignment& start : metis_partitions(graph, limits, task))
    refined.push_back(refine(graph, limits, std::move(start),
                             {.seed = task.seed,
                              .fixed = task.fixed,
                              .rounds = settings_of(task.effort).refine_rounds,
                              .deadline = task.deadline}));
  const auto worth = [&](const RefineResult& r) {
    return std::tuple(r.violation_after, empty_blocks_of(r.assignment, limits.blocks), r.cut_after);
  };
  const auto best = std::min_element(refined.begin(), refined.end(),
                                     [&](const RefineResult& a, const RefineResult& b) { return worth(a) < worth(b); });
  return {.assignment = std::move(best->assignment), .lower_bound = {}};
}

// Restarts cost a pass over the graph each: fewer on big graphs.
Solution run_kernighan_lin(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  const std::int64_t affordable = 4'000'000 / (graph.edges() + graph.vertices() + 1);
  const std::int64_t wanted = settings_of(task.effort).restarts;
  return {.assignment = kernighan_lin_partition(
              graph, limits,
              {.seed = task.seed,
               .fixed = task.fixed,
               .restarts = static_cast<std::int32_t>(std::clamp<std::int64_t>(affordable, 1, wanted)),
               .deadline = task.deadline}),
          .lower_bound = {}};
}

Solution run_multilevel(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  std::function<void(const MultilevelProgress&)> progress;
  if (task.progress != nullptr && *task.progress) {
    progress = [&](const MultilevelProgress& p) { (*task.progress)(p.phase, p.vertices, p.cut); };
  }
  MultilevelResult found = multilevel(graph, limits,
                                      {.effort = task.effort,
                                       .seed = task.seed,
                                       .threads = task.threads,
                                       .fixed = task.fixed,
                                       .deadline = task.deadline,
                                       .progress = progress});
  return {.assignment = std::move(found.assignment), .lower_bound = {}};
}

Solution run_linear(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  Assignment split = with_fixed(graph, limits, linear_split(graph, limits), task.fixed);
  RefineResult refined = refine(graph, limits, std::move(split),
                                {.seed = task.seed,
                                 .fixed = task.fixed,
                                 .rounds = settings_of(task.effort).refine_rounds,
                                 .deadline = task.deadline});
  return {.assignment = std::move(refined.assignment), .lower_bound = {}};
}

// Fewer where a graph has but a handful of partitions.
std::int64_t annealing_moves(const WeightedGraph& graph, const BalanceLimits& limits, Effort effort) {
  constexpr std::int64_t kPerPairAndBlock = 1000;
  const std::int64_t vertices = std::min<std::int64_t>(graph.vertices(), 1 << 20);
  return std::min(settings_of(effort).annealing_moves, kPerPairAndBlock * vertices * vertices * limits.blocks);
}

// Starts from the linear split, and from blocks grown greedily; what is found is refined.
Solution run_annealing(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  std::vector<RefineResult> found;
  for (Assignment start :
       {run_linear(graph, limits, task).assignment, run_kernighan_lin(graph, limits, task).assignment}) {
    AnnealingResult walked = anneal(graph, limits, std::move(start),
                                    {.seed = task.seed,
                                     .fixed = task.fixed,
                                     .moves = annealing_moves(graph, limits, task.effort),
                                     .deadline = task.deadline});
    found.push_back(refine(graph, limits, std::move(walked.assignment), {.seed = task.seed, .fixed = task.fixed}));
  }
  const auto worth = [&](const RefineResult& r) {
    return std::tuple(r.violation_after, empty_blocks_of(r.assignment, limits.blocks), r.cut_after);
  };
  return {
      .assignment = worth(found[1]) < worth(found[0]) ? std::move(found[1].assignment) : std::move(found[0].assignment),
      .lower_bound = {}};
}

bool is_small(const WeightedGraph& graph, const BalanceLimits&) { return graph.vertices() <= kMaxLinearVertices; }

bool is_tiny(const WeightedGraph& graph, const BalanceLimits&) { return graph.vertices() <= 32; }

// Starts from the best that is known, or from the multilevel partition: the better it is, the more merges. Beside other
// algorithms a larger graph gets a short try, which is enough for those that are nearly chains.
Solution run_exact(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task) {
  constexpr std::int64_t kShort = 50'000'000;
  std::int64_t steps = settings_of(task.effort).exact_steps;
  if (task.known != nullptr && !is_tiny(graph, limits)) steps = std::min(steps / 10, kShort);
  ExactResult found = exact_partition(
      graph, limits, task.known != nullptr ? *task.known : run_multilevel(graph, limits, task).assignment,
      {.fixed = task.fixed, .steps = steps, .deadline = task.deadline});
  return {.assignment = std::move(found.assignment), .lower_bound = found.lower_bound};
}

bool metis_suits(const WeightedGraph& graph, const BalanceLimits& limits) {
  return is_small(graph, limits) && metis_accepts(graph);
}
bool always(const WeightedGraph&, const BalanceLimits&) { return true; }

// Small graphs, as models are, are given to all of them. On larger ones the others take many times the time of the
// multilevel partitioner, and all but never find a smaller cut.
constexpr Algorithm kRegistry[] = {
    {.name = "multilevel",
     .summary = "the built-in partitioner: multilevel, with localised moves, flows and an evolutionary search",
     .refined_name = "",
     .suits = always,
     .run = run_multilevel},
    {.name = "metis",
     .summary = "METIS alone, k-way and recursive bisection",
     .refined_name = "metis+kl",
     .suits = metis_suits,
     .run = run_metis},
    {.name = "metis+kl",
     .summary = "METIS, refined by Fiduccia-Mattheyses moves and Kernighan-Lin swaps",
     .refined_name = "",
     .suits = metis_suits,
     .run = run_metis_refined},
    {.name = "kernighan-lin",
     .summary = "blocks grown greedily and refined, best of several restarts",
     .refined_name = "",
     .suits = is_small,
     .run = run_kernighan_lin},
    {.name = "linear+kl",
     .summary = "the best intervals of the vertex order (dynamic programming), refined",
     .refined_name = "",
     .suits = is_small,
     .run = run_linear},
    {.name = "annealing",
     .summary = "simulated annealing from linear+kl and kernighan-lin, refined: for graphs of some hundred vertices",
     .refined_name = "",
     .suits = is_small,
     .run = run_annealing},
    {.name = "exact",
     .summary = "the optimum with its proof, or a lower bound: branch and bound for small or loosely knit graphs",
     .refined_name = "",
     .suits = is_small,
     .run = run_exact,
     .runs_last = true},
};

}  // namespace

std::span<const Algorithm> registry() { return kRegistry; }

}  // namespace mp::partition
