#include "partition/multilevel/multilevel_run.hpp"

#include <algorithm>
#include <utility>

#include "partition/graph/metrics.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/multilevel/recursive_bisection.hpp"

namespace mp::partition {
namespace {

// Coarse vertices light enough that the coarsest graph can still be balanced.
std::vector<Weight> heaviest_coarse_vertex(const WeightedGraph& graph, std::int32_t coarsest_vertices) {
  std::vector<Weight> weights = total_weights(graph);
  for (Weight& weight : weights) weight = 1 + weight / coarsest_vertices + weight / coarsest_vertices / 2;
  return weights;
}

}  // namespace

Individual MultilevelRun::fresh(std::uint64_t seed) {
  const Hierarchy hierarchy = coarsen({}, seed);
  return uncoarsen(hierarchy, initial_partitions(hierarchy, seed), seed);
}

Individual MultilevelRun::cycle(const Individual& given, std::uint64_t seed) {
  std::vector<std::int32_t> labels;
  labels.reserve(given.assignment.size());
  for (const BlockId b : given.assignment) labels.push_back(static_cast<std::int32_t>(b));
  return climb(given, std::move(labels), seed);
}

Individual MultilevelRun::combine(const Individual& a, const Individual& b, std::uint64_t seed) {
  // The pairs of blocks that occur, numbered: blocks² need not fit 32 bits.
  std::vector<std::int64_t> pairs;
  pairs.reserve(a.assignment.size());
  for (const VertexId v : ids<VertexId>(a.assignment.size())) {
    pairs.push_back(static_cast<std::int64_t>(a.assignment[v]) * problem_.limits.blocks +
                    static_cast<std::int64_t>(b.assignment[v]));
  }
  std::vector<std::int64_t> known = pairs;
  std::ranges::sort(known);
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::vector<std::int32_t> labels;
  labels.reserve(pairs.size());
  for (const std::int64_t pair : pairs) {
    labels.push_back(static_cast<std::int32_t>(std::ranges::lower_bound(known, pair) - known.begin()));
  }
  return climb(better(b, a) ? b : a, std::move(labels), seed);
}

Individual MultilevelRun::polish(Individual given, std::uint64_t seed) {
  const Hierarchy flat(problem_.graph, {.fixed = problem_.fixed, .labels = {}},
                       {.coarsest_vertices = problem_.graph.vertices(), .max_weights = {}, .seed = seed});
  return refined(flat, 0, std::move(given), seed);
}

// From a partition of the whole graph down to the coarsest one that has it, and up again.
Individual MultilevelRun::climb(const Individual& start, std::vector<std::int32_t> labels, std::uint64_t seed) {
  const Hierarchy hierarchy = coarsen(std::move(labels), seed);
  const std::size_t coarsest = hierarchy.depth() - 1;
  Individual coarse{hierarchy.restrict_to(coarsest, start.assignment), start.quality};
  return uncoarsen(hierarchy, {refined(hierarchy, coarsest, std::move(coarse), seed)}, seed);
}

Hierarchy MultilevelRun::coarsen(std::vector<std::int32_t> labels, std::uint64_t seed) const {
  tell("coarsening", problem_.graph.vertices(), 0);
  const Preset& preset = problem_.preset;
  const std::int32_t coarsest = std::max(preset.coarsest_at_least, preset.coarsest_per_block * problem_.limits.blocks);
  return Hierarchy(problem_.graph, {.fixed = problem_.fixed, .labels = std::move(labels)},
                   {.coarsest_vertices = coarsest,
                    .max_weights = heaviest_coarse_vertex(problem_.graph, coarsest),
                    .max_shrink = preset.max_shrink,
                    .seed = seed,
                    .threads = problem_.threads});
}

// Coarse vertices are lumpy: blocks may exceed their limits there by a share of the heaviest vertex (and by 5 % at
// most), so that vertices can move at all. The finest level has the limits themselves.
BalanceLimits MultilevelRun::limits_at(const Hierarchy& hierarchy, std::size_t depth) const {
  BalanceLimits limits = problem_.limits;
  if (depth == 0) return limits;
  const std::vector<Weight>& weights = hierarchy.graph(depth).vertex_weights;
  const auto constraints = static_cast<std::size_t>(limits.constraints);
  std::vector<Weight> heaviest(constraints, 0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    heaviest[i % constraints] = std::max(heaviest[i % constraints], weights[i]);
  }
  for (std::size_t i = 0; i < limits.max_weights.size(); ++i) {
    const double room = 0.1 * static_cast<double>(limits.max_weights[i]);
    const double lump = std::min(static_cast<double>(heaviest[i % constraints]), room);
    limits.max_weights[i] += static_cast<Weight>(problem_.preset.relaxation * lump);
  }
  return limits;
}

Individual MultilevelRun::refined(const Hierarchy& hierarchy, std::size_t depth, Individual candidate,
                                  std::uint64_t seed) {
  const BalanceLimits limits = limits_at(hierarchy, depth);
  PartitionState state(hierarchy.graph(depth), limits, std::move(candidate.assignment));
  const Quality quality = refiner_.refine(state, {state.overload(), candidate.quality.cut}, hierarchy.fixed(depth),
                                          problem_.preset.refinement, mix_seed(seed, depth));
  return {std::move(state).take_assignment(), quality};
}

// More of them the smaller the coarsest graph is beside the whole one: they cost little then.
int MultilevelRun::affordable_initial_partitions(const Hierarchy& hierarchy) const {
  const Preset& preset = problem_.preset;
  const auto arcs = [](const WeightedGraph& graph) { return 1.0 + static_cast<double>(graph.neighbours.size()); };
  const double affordable = preset.initial_share * arcs(problem_.graph) / arcs(hierarchy.coarsest());
  return std::clamp(static_cast<int>(std::min(affordable, 1000.0)), preset.initial_partitions,
                    preset.most_initial_partitions);
}

std::vector<Individual> MultilevelRun::initial_partitions(const Hierarchy& hierarchy, std::uint64_t seed) {
  const std::size_t depth = hierarchy.depth() - 1;
  tell("initial partition", hierarchy.coarsest().vertices(), 0);
  std::vector<Individual> found;
  const BalanceLimits limits = limits_at(hierarchy, depth);
  const int wanted = affordable_initial_partitions(hierarchy);
  for (int i = 0; i < wanted; ++i) {
    BisectionOptions options = problem_.preset.bisection;
    options.seed = mix_seed(seed, 1000U + static_cast<std::uint64_t>(i));
    Assignment start = recursive_bisection(hierarchy.coarsest(), limits, hierarchy.fixed(depth), options);
    const PartitionState state(hierarchy.coarsest(), limits, std::move(start));
    found.push_back(refined(hierarchy, depth, {state.assignment(), state.count_quality()}, options.seed));
  }
  return found;
}

// All candidates while the graphs are small, fewer and fewer as they grow: each level costs about the same.
Individual MultilevelRun::uncoarsen(const Hierarchy& hierarchy, std::vector<Individual> candidates,
                                    std::uint64_t seed) {
  const double affordable = problem_.preset.beam * static_cast<double>(hierarchy.coarsest().vertices()) *
                            static_cast<double>(candidates.size());
  std::ranges::stable_sort(candidates, better);
  for (std::size_t depth = hierarchy.depth() - 1; depth > 0; --depth) {
    const std::int32_t vertices = hierarchy.graph(depth - 1).vertices();
    const auto keep = static_cast<std::size_t>(std::max(1.0, affordable / static_cast<double>(vertices)));
    if (candidates.size() > keep) candidates.resize(keep);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      candidates[i].assignment = hierarchy.project(depth, candidates[i].assignment);
      candidates[i] = refined(hierarchy, depth - 1, std::move(candidates[i]), mix_seed(seed, i));
    }
    std::ranges::stable_sort(candidates, better);
    tell("refinement", vertices, candidates.front().quality.cut);
  }
  return std::move(candidates.front());
}

void MultilevelRun::tell(std::string_view phase, std::int32_t vertices, Weight cut) const {
  if (problem_.progress) problem_.progress({.phase = phase, .vertices = vertices, .cut = cut});
}

}  // namespace mp::partition
