// What the benchmark measured, as a table, CSV and a performance profile.
#pragma once

#include <string>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition::benchmark {

// One contender on one graph and number of blocks: means over the seeds.
struct Measurement {
  std::string graph;
  std::int64_t vertices = 0;
  std::int64_t edges = 0;
  std::int32_t blocks = 0;
  std::string contender;
  double cut = 0;
  Weight best_cut = 0;  // over the seeds, feasible or not
  double cpu_seconds = 0;
  int feasible = 0;  // of `seeds`
  int seeds = 0;
};

// `all` holds, for each graph and number of blocks, one measurement of each contender, the baseline first.
// Ratios to the baseline as geometric means, per graph if wanted, and over all.
[[nodiscard]] std::string table(const std::vector<Measurement>& all, bool per_graph);
[[nodiscard]] std::string csv(const std::vector<Measurement>& all);
// Dolan, Moré, Math. Program. 2002: over τ, the share of instances on which a contender's cut is within τ times the
// best of all. As an SVG picture.
[[nodiscard]] std::string performance_profile(const std::vector<Measurement>& all);

}  // namespace mp::partition::benchmark
