#include "partition/acyclic_portfolio.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "lib/base/error.hpp"
#include "partition/acyclic/acyclic.hpp"
#include "partition/acyclic/exact_acyclic.hpp"
#include "partition/fixed_vertices.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::int32_t random_orders;
  std::int64_t exact_steps;
};

Settings settings_of(Effort effort) {
  switch (effort) {
    case Effort::kFast:
      return {.random_orders = 0, .exact_steps = 1'000'000};
    case Effort::kDefault:
      return {.random_orders = 4, .exact_steps = 10'000'000};
    case Effort::kHigh:
      return {.random_orders = 16, .exact_steps = 200'000'000};
    case Effort::kBest:
      return {.random_orders = 64, .exact_steps = 5'000'000'000};
  }
  return {};
}

bool named(const PortfolioOptions& options, const std::string& name) {
  return std::any_of(options.algorithms.begin(), options.algorithms.end(),
                     [&](const std::string& asked) { return asked == name || asked == "auto"; });
}

void check_names(const PortfolioOptions& options) {
  const std::vector<std::string> known = acyclic_algorithm_names();
  for (const std::string& name : options.algorithms)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError(
          fmt::format("\"{}\" makes no acyclic partitions; those that do are {}", name, fmt::join(known, ", ")));
}

}  // namespace

std::vector<std::string> acyclic_algorithm_names() { return {"acyclic", "exact", "auto"}; }

std::vector<Candidate> run_acyclic_portfolio(const TaskDag& dag, const BalanceLimits& limits,
                                             const PortfolioOptions& options) {
  check_names(options);
  check_fixed(dag.graph, limits, options.fixed);
  const Settings settings = settings_of(options.effort);
  const Clock::time_point begin = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  const Deadline deadline(begin, options.time_limit_s, options.stop);
  const Assignment found = acyclic_partition(
      dag, limits,
      {.seed = options.seed, .fixed = options.fixed, .random_orders = settings.random_orders, .deadline = deadline});
  std::vector<Candidate> candidates;
  if (named(options, "acyclic"))
    candidates.push_back(make_candidate(dag.graph, limits, "acyclic", {.assignment = found}, seconds()));
  if (named(options, "exact")) {
    ExactResult exact = exact_acyclic(dag, limits, found,
                                      {.fixed = options.fixed, .steps = settings.exact_steps, .deadline = deadline});
    candidates.push_back(make_candidate(dag.graph, limits, "exact",
                                        {.assignment = std::move(exact.assignment), .lower_bound = exact.lower_bound},
                                        seconds()));
  }
  return candidates;
}

}  // namespace mp::partition
