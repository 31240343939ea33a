// One multilevel run: coarsen, partition the coarsest graph, uncoarsen with refinement.
#pragma once

#include <functional>

#include "partition/multilevel/hierarchy.hpp"
#include "partition/multilevel/individual.hpp"
#include "partition/multilevel/multilevel.hpp"
#include "partition/multilevel/presets.hpp"

namespace mp::partition {

// The task that all runs of one call share.
struct Problem {
  const WeightedGraph& graph;
  BalanceLimits limits;             // none above the total weight
  std::vector<std::int32_t> fixed;  // block or −1; empty: all free
  Preset preset;
  std::function<void(const MultilevelProgress&)> progress;
  std::int32_t threads = 1;  // inside one run
};

// Owns the memory that runs one after the other share; one per thread.
class MultilevelRun {
 public:
  explicit MultilevelRun(const Problem& problem) : problem_(problem) {}

  // A partition from scratch.
  [[nodiscard]] Individual fresh(std::uint64_t seed);
  // A V-cycle: contracts no edge that `given` cuts, so that its result is never worse.
  [[nodiscard]] Individual cycle(const Individual& given, std::uint64_t seed);
  // A child that is no worse than the better parent: contracts no edge that either cuts (KaFFPaE: Sanders,
  // Schulz, ALENEX 2012).
  [[nodiscard]] Individual combine(const Individual& a, const Individual& b, std::uint64_t seed);
  // Refinement of the finest level alone.
  [[nodiscard]] Individual polish(Individual given, std::uint64_t seed);

 private:
  Individual uncoarsen(const Hierarchy& hierarchy, std::vector<Individual> candidates, std::uint64_t seed);
  std::vector<Individual> initial_partitions(const Hierarchy& hierarchy, std::uint64_t seed);
  int affordable_initial_partitions(const Hierarchy& hierarchy) const;
  Hierarchy coarsen(std::vector<std::int32_t> labels, std::uint64_t seed) const;
  Individual climb(const Individual& start, std::vector<std::int32_t> labels, std::uint64_t seed);
  BalanceLimits limits_at(const Hierarchy& hierarchy, std::size_t depth) const;
  Individual refined(const Hierarchy& hierarchy, std::size_t depth, Individual candidate, std::uint64_t seed);
  void tell(std::string_view phase, std::int32_t vertices, Weight cut) const;

  const Problem& problem_;
  Refiner refiner_;
};

}  // namespace mp::partition
