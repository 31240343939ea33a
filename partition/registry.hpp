// The one table that knows every concrete partitioner.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "partition/candidate.hpp"
#include "partition/deadline.hpp"
#include "partition/graph/weighted_graph.hpp"
#include "partition/portfolio.hpp"

namespace mp::partition {

// What an algorithm is given beside graph and limits.
struct Task {
  Effort effort = Effort::kDefault;
  std::uint64_t seed = 0;
  std::int32_t threads = 1;
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
  Deadline deadline{};
  const Assignment* known = nullptr;            // the best that others have found, for an algorithm that runs last
  const PortfolioProgress* progress = nullptr;  // where to tell of it; may be null or empty
};

struct Algorithm {
  std::string_view name;
  std::string_view summary;       // one line of --help
  std::string_view refined_name;  // the algorithm that refines this one's result; empty if it refines itself
  bool (*suits)(const WeightedGraph& graph, const BalanceLimits& limits);  // whether "auto" runs it
  Solution (*run)(const WeightedGraph& graph, const BalanceLimits& limits, const Task& task);
  bool runs_last = false;  // starts from the best that the others found
};

[[nodiscard]] std::span<const Algorithm> registry();

}  // namespace mp::partition
