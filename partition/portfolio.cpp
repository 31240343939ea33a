#include "partition/portfolio.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <iterator>
#include <thread>
#include <tuple>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "partition/fixed_vertices.hpp"
#include "partition/registry.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The algorithms asked for, in the order of the table.
std::vector<const Algorithm*> chosen(const WeightedGraph& graph, const BalanceLimits& limits,
                                     const PortfolioOptions& options) {
  const std::vector<std::string> known = algorithm_names();
  for (const std::string& name : options.algorithms)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError(fmt::format("unknown algorithm \"{}\"; known are {}", name, fmt::join(known, ", ")));
  const auto named = [&](std::string_view name) {
    return std::find(options.algorithms.begin(), options.algorithms.end(), name) != options.algorithms.end();
  };
  std::vector<const Algorithm*> result;
  for (const Algorithm& algorithm : registry()) {
    const bool refines_chosen =
        options.refine && std::any_of(registry().begin(), registry().end(), [&](const auto& other) {
          return other.refined_name == algorithm.name && named(other.name);
        });
    if (named(algorithm.name) || refines_chosen || (named("auto") && algorithm.suits(graph, limits)))
      result.push_back(&algorithm);
  }
  return result;
}

// Runs jobs 0 … count − 1 on up to `threads` threads, this one among them; rethrows the first failure by number.
template <class Job>
void run_all(std::size_t count, std::int32_t threads, const Job& job) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(count);
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        job(i);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::int32_t t = 1; t < threads && static_cast<std::size_t>(t) < count; ++t) helpers.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::vector<std::string> algorithm_names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : registry()) names.emplace_back(algorithm.name);
  names.emplace_back("auto");
  return names;
}

namespace {

void share_bounds(std::vector<Candidate>& candidates) {
  std::optional<Weight> bound;
  for (const Candidate& c : candidates) {
    if (c.lower_bound) bound = std::max(bound.value_or(0), *c.lower_bound);
  }
  for (Candidate& c : candidates) {
    c.lower_bound = bound;
    c.optimal = c.feasible && c.empty_blocks == 0 && bound == c.cut;
  }
}

}  // namespace

std::vector<Candidate> run_portfolio(const WeightedGraph& graph, const BalanceLimits& limits,
                                     const PortfolioOptions& options) {
  check_fixed(graph, limits, options.fixed);
  const std::vector<const Algorithm*> algorithms = chosen(graph, limits, options);
  const Clock::time_point begin = Clock::now();
  Task task{.effort = options.effort, .seed = options.seed, .fixed = options.fixed, .deadline = {}};
  task.threads = std::max(1, options.threads / std::max<std::int32_t>(1, static_cast<std::int32_t>(algorithms.size())));
  task.deadline = Deadline(begin, options.time_limit_s, options.stop);
  task.progress = &options.progress;
  const auto late = [&] { return task.deadline.passed(); };
  const auto run = [&](const Algorithm& algorithm, const Task& with) {
    const Clock::time_point start = Clock::now();
    if (options.progress) options.progress(algorithm.name, graph.vertices(), 0);
    Solution solution = algorithm.run(graph, limits, with);
    return make_candidate(graph, limits, algorithm.name, std::move(solution), seconds_since(start));
  };
  std::vector<std::optional<Candidate>> found(algorithms.size());
  run_all(algorithms.size(), options.threads, [&](std::size_t i) {
    if (!algorithms[i]->runs_last && (i == 0 || !late())) found[i] = run(*algorithms[i], task);
  });
  std::vector<Candidate> candidates;
  for (std::optional<Candidate>& candidate : found)
    if (candidate) candidates.push_back(std::move(*candidate));
  for (const Algorithm* algorithm : algorithms) {
    if (!algorithm->runs_last || (!candidates.empty() && late())) continue;
    Task with = task;
    const std::optional<Assignment> known =
        candidates.empty() ? std::nullopt : std::optional(best_of(candidates).assignment);
    if (known) with.known = &*known;
    candidates.push_back(run(*algorithm, with));
  }
  share_bounds(candidates);
  return candidates;
}

}  // namespace mp::partition
