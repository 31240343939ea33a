// KaFFPaE: Sanders, Schulz, "Distributed evolutionary graph partitioning", ALENEX 2012. Children are V-cycles that
// contract no edge cut in either parent; a child replaces the individual most like it among those not better,
// which keeps the population diverse. Deviation: generations of a fixed number of children, each drawn from the
// population as it stood before, so that threads cannot change the outcome.
#include "partition/multilevel/evolution.hpp"

#include <algorithm>

#include "partition/graph/random_source.hpp"
#include "partition/parallel_for.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;

// How many edges one partition cuts and the other does not: the distance of KaFFPaE.
std::int64_t difference(const WeightedGraph& graph, const Assignment& a, const Assignment& b) {
  std::int64_t different = 0;
  for (const VertexId v : ids<VertexId>(a.size())) {
    for (const VertexId u : graph.neighbours_of(v)) different += (a[u] == a[v]) != (b[u] == b[v]) ? 1 : 0;
  }
  return different;
}

class Evolution {
 public:
  Evolution(const Problem& problem, const EvolutionOptions& options)
      : problem_(problem),
        options_(options),
        runs_(static_cast<std::size_t>(std::max(1, options.threads)), MultilevelRun(problem)) {}

  EvolutionResult run(std::optional<Individual> given) {
    if (given) population_.push_back(std::move(*given));
    found();
    int fruitless = 0;
    for (int g = 0; g < options_.generations && !late(); ++g) {
      const Quality before = best().quality;
      step(static_cast<std::uint64_t>(g));
      fruitless = best().quality < before ? 0 : fruitless + 1;
      if (options_.give_up_after > 0 && fruitless >= options_.give_up_after) break;
    }
    return {std::move(best()), searched_};
  }

 private:
  Individual& best() { return *std::ranges::min_element(population_, better); }
  bool late() const { return options_.deadline.passed(); }

  // The first partitions, in batches so that a deadline can end them early.
  void found() {
    const auto wanted = static_cast<std::size_t>(options_.population);
    while (population_.size() < wanted && (population_.empty() || !late())) {
      const auto together = static_cast<std::size_t>(std::max(options_.children, options_.threads));
      const std::size_t batch = std::min(wanted - population_.size(), together);
      const std::size_t first = population_.size();
      population_.resize(first + batch);
      parallel_for(options_.threads, batch, [&](std::size_t worker, std::size_t i) {
        population_[first + i] = runs_[worker].fresh(mix_seed(options_.seed, first + i));
      });
      searched_ += static_cast<std::int32_t>(batch);
    }
  }

  void step(std::uint64_t generation) {
    std::vector<Individual> children(static_cast<std::size_t>(options_.children));
    parallel_for(options_.threads, children.size(), [&](std::size_t worker, std::size_t i) {
      const std::uint64_t seed = mix_seed(options_.seed, 1'000'000 + generation * children.size() + i);
      children[i] = child(runs_[worker], seed);
    });
    for (Individual& child : children) insert(std::move(child));
    searched_ += static_cast<std::int32_t>(children.size());
    if (problem_.progress) {
      problem_.progress({.phase = "search", .vertices = problem_.graph.vertices(), .cut = best().quality.cut});
    }
  }

  Individual child(MultilevelRun& run, std::uint64_t seed) const {
    RandomSource random(seed);
    const std::size_t a = tournament(random);
    const std::size_t b = tournament(random);
    if (a == b) return run.cycle(population_[a], seed);
    return run.combine(population_[a], population_[b], seed);
  }

  // The better of two drawn at random.
  std::size_t tournament(RandomSource& random) const {
    const std::size_t a = random.below(population_.size());
    const std::size_t b = random.below(population_.size());
    return better(population_[b], population_[a]) ? b : a;
  }

  void insert(Individual child) {
    std::size_t victim = population_.size();
    std::int64_t least = 0;
    for (std::size_t i = 0; i < population_.size(); ++i) {
      if (better(population_[i], child)) continue;
      const std::int64_t distance = difference(problem_.graph, population_[i].assignment, child.assignment);
      if (victim < population_.size() && distance >= least) continue;
      victim = i;
      least = distance;
    }
    if (victim < population_.size()) population_[victim] = std::move(child);
  }

  const Problem& problem_;
  const EvolutionOptions& options_;
  std::vector<MultilevelRun> runs_;  // one per thread
  std::vector<Individual> population_;
  std::int32_t searched_ = 0;
};

}  // namespace

EvolutionResult evolve(const Problem& problem, std::optional<Individual> given, const EvolutionOptions& options) {
  return Evolution(problem, options).run(std::move(given));
}

}  // namespace mp::partition
