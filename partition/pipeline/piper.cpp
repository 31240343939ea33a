#include "partition/pipeline/piper.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/pipeline/piper_table.hpp"
#include "partition/pipeline/stage_costs.hpp"
#include "partition/pipeline/upsets.hpp"

namespace mp::partition {
namespace {

constexpr double kExact = 1e-12;       // relative: two plans closer than this are as good
constexpr double kMebibyte = 1048576;  // least_memory_bytes() is exact to this

struct Stages {
  Upsets upsets;
  bool all = true;  // false: only the suffixes of one order
};

Stages stages_of(const PiperProblem& problem, const PiperOptions& options) {
  std::vector<Arc> arcs;
  for (const PiperEdge& edge : problem.edges) arcs.push_back({edge.from, edge.to});
  const auto vertices = static_cast<std::int32_t>(problem.nodes.size());
  std::optional<Upsets> upsets = Upsets::all(vertices, arcs, options.max_upsets);
  if (upsets && count_pairs(*upsets, options.max_pairs) >= 0) return {std::move(*upsets), true};
  return {Upsets::suffixes(vertices, arcs), false};
}

// What no plan can beat: the work spread evenly over all devices.
double work_bound(const PiperProblem& problem, const StageCosts& costs) {
  double work = 0.0;
  for (std::size_t v = 0; v < problem.nodes.size(); ++v) work += costs.work_s(make_id<VertexId>(v));
  return work / problem.devices;
}

// From above by plans found, from below by thresholds that cannot be kept, until both meet.
PiperPlan close_in(PiperTable& table, PiperPlan best, double bound) {
  const auto is_closed = [&] { return bound >= best.time_s * (1.0 - kExact); };
  for (bool just_below = false; !is_closed(); just_below = !just_below) {
    // Once close, ask every other time whether anything better is left at all.
    const bool is_near = best.time_s - bound < 1e-3 * best.time_s;
    const double threshold = is_near && just_below ? best.time_s * (1.0 - kExact) : 0.5 * (bound + best.time_s);
    const std::int64_t rounds = best.rounds + 1;
    if (table.keeps(threshold)) {
      PiperPlan plan = table.plan();
      if (plan.time_s < best.time_s)
        best = std::move(plan);
      else
        bound = best.time_s;  // a difference of rounding alone
    } else {
      bound = std::max(bound, threshold);
    }
    best.rounds = rounds;
  }
  best.lower_bound_s = std::min(bound, best.time_s);
  return best;
}

// A first plan, from a threshold near the bound if one can be kept: high ones keep many states. `bound` rises to the
// last threshold refused.
std::optional<PiperPlan> first_plan(PiperTable& table, double& bound) {
  std::int64_t rounds = 0;
  const double work = bound;
  for (const double factor : {1.05, 1.25, 2.0, 8.0, 0.0}) {
    const double threshold = factor > 0.0 ? work * factor : std::numeric_limits<double>::infinity();
    if (threshold == 0.0) continue;  // no work at all
    ++rounds;
    if (table.keeps(threshold)) {
      PiperPlan plan = table.plan();
      plan.rounds = rounds;
      return plan;
    }
    bound = threshold;
  }
  return std::nullopt;
}

}  // namespace

std::optional<PiperPlan> plan_piper(const PiperProblem& problem, const PiperOptions& options) {
  MP_CHECK(!problem.nodes.empty());
  const StageCosts costs(problem);
  const Stages stages = stages_of(problem, options);
  PiperTable table(problem, costs, stages.upsets);
  double bound = work_bound(problem, costs);
  const double proved = bound;  // by arithmetic alone
  std::optional<PiperPlan> first = first_plan(table, bound);
  if (!first) return std::nullopt;
  PiperPlan plan = close_in(table, std::move(*first), bound);
  plan.optimal = stages.all && table.exact();
  if (!plan.optimal) plan.lower_bound_s = std::min(proved, plan.time_s);
  return plan;
}

std::optional<double> least_memory_bytes(const PiperProblem& problem, const PiperOptions& options) {
  PiperProblem trial = problem;
  const StageCosts costs(trial);
  const Stages stages = stages_of(trial, options);
  PiperTable table(trial, costs, stages.upsets);
  const auto fits = [&](double mebibytes) {
    trial.memory_bytes = mebibytes * kMebibyte;
    return table.keeps(std::numeric_limits<double>::infinity());
  };
  double enough = 1.0;
  while (!fits(enough)) {
    if (enough > 1e12) return std::nullopt;  // an exabyte: it is not memory that is missing
    enough *= 2.0;
  }
  double too_little = enough / 2.0;
  while (enough - too_little > 1.0) {
    const double middle = std::floor(0.5 * (enough + too_little));
    (fits(middle) ? enough : too_little) = middle;
  }
  return enough * kMebibyte;
}

}  // namespace mp::partition
