// The partitioners that the benchmark compares.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition::benchmark {

struct Contender {
  std::string name;
  std::function<Assignment(const WeightedGraph&, const BalanceLimits&, std::uint64_t seed)> run;
  bool external = false;  // runs as another program: its time is that of the child
};

struct ContenderOptions {
  std::string efforts = "fast,default,high";  // of the built-in partitioner
  double time_limit_s = 60;                   // of Effort::kBest
  std::int32_t threads = 1;
  double imbalance = 0.03;
};

// METIS k-way first: all others are measured against it. Then METIS with 10 cuts × 50 iterations, the built-in
// partitioner at each effort, and Scotch if its program (gpart or scotch_gpart) is on PATH.
[[nodiscard]] std::vector<Contender> contenders(const ContenderOptions& options);

// CPU seconds used so far by this process, or by its finished children.
[[nodiscard]] double cpu_seconds(bool of_children);

}  // namespace mp::partition::benchmark
