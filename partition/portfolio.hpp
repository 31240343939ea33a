// Every algorithm by its name, run side by side, and the best of what they found.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partition/candidate.hpp"
#include "partition/effort.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Told now and then what is being done, on how many vertices, and the best cut there so far (0: none yet). With several
// threads any of them calls it.
using PortfolioProgress = std::function<void(std::string_view phase, std::int32_t vertices, Weight cut)>;

struct PortfolioOptions {
  std::vector<std::string> algorithms{"auto"};
  bool refine = false;  // beside each algorithm X that does not refine itself, run "X+kl"
  Effort effort = Effort::kDefault;
  std::uint64_t seed = 0;
  std::int32_t threads = 1;              // algorithms at a time; changes nothing but the time
  std::optional<double> time_limit_s{};  // begin nothing more after it; at least one algorithm always finishes
  const std::atomic<bool>* stop{};       // where not null: once true, as if the time limit had come
  std::vector<BlockId> fixed{};          // empty, or for every vertex its block or kNone
  PortfolioProgress progress{};          // may be empty
};

// What --algorithm takes: every algorithm of the table, then "auto".
[[nodiscard]] std::vector<std::string> algorithm_names();

// Runs the algorithms named, in the order of the table, each at most once; "auto" is all that suit the graph.
// What one proves about the least cut holds for all, and all candidates tell it.
// The same seed gives the same candidates, whatever the threads, unless the time limit strikes.
// Throws UsageError for an unknown algorithm, listing the known ones, and InfeasibleError where `fixed` alone
// breaks a limit.
[[nodiscard]] std::vector<Candidate> run_portfolio(const WeightedGraph& graph, const BalanceLimits& limits,
                                                   const PortfolioOptions& options);

}  // namespace mp::partition
