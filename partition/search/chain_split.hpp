// A chain cut into the stages of a pipeline so that one step takes the least time, exactly: dynamic programming.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace mp::partition {

// A stage between two places to cut, on its device.
struct StageTimes {
  double cycle_s = 0.0;     // how long a microbatch occupies it: the stage, or the busier direction of its link
  double pass_s = 0.0;      // of one microbatch, forward and backward
  double transfer_s = 0.0;  // of one microbatch from the stage before and back to it
};

struct SplitProblem {
  std::size_t places = 0;  // to cut at, with both ends: places − 1 pieces
  std::size_t stages = 1;
  std::int64_t microbatches = 1;  // that each stage works on, one after another
  double cycles = 0.0;            // that a step takes beside the way of a microbatch: microbatches − 1 in a pipeline
  std::int64_t most_alive = 0;    // microbatches under way in a stage; 0: as many as there are
  double step = 0.0;              // how much shorter each next cycle to try is, as a share; 0: exact
};

// Time of a step: the first microbatch goes all the way, the others follow each a cycle behind:
//   time_s = way_s + cycles · cycle_s,
//   way_s = Σ (pass_s + transfer_s),
// cycle_s = the greatest of the stages' cycles and, for each stage, (way through it to the end and back) /
// (microbatches it may have under way, which under 1F1B are as many as stages follow it, itself counted, or
// most_alive where that is less).
struct ChainSplit {
  std::vector<std::size_t> cuts;  // stages + 1 places: stage s is [cuts[s], cuts[s + 1])
  double way_s = 0.0;
  double cycle_s = 0.0;
  double time_s = std::numeric_limits<double>::infinity();
};

namespace detail {

template <class TimesOf>
class WayMinimizer {
 public:
  WayMinimizer(const SplitProblem& problem, TimesOf& times_of)
      : problem_(problem), times_of_(times_of), rows_(problem.stages, std::vector<State>(problem.places)) {}

  // The least way among splits with a cycle of less than `bound`.
  std::optional<ChainSplit> run(double bound) {
    for (std::size_t right = 0; right < problem_.stages; ++right) fill(right, bound);
    if (rows_.back()[0].way_s == kNever) return std::nullopt;
    ChainSplit split{.cuts = {0}, .way_s = rows_.back()[0].way_s, .cycle_s = rows_.back()[0].cycle_s};
    for (std::size_t right = problem_.stages; right-- > 0;) split.cuts.push_back(rows_[right][split.cuts.back()].next);
    split.time_s = split.way_s + problem_.cycles * split.cycle_s;
    return split;
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct State {  // the best from this place to the end with so many stages
    double way_s = kNever;
    double cycle_s = kNever;
    std::size_t next = 0;
  };

  void fill(std::size_t right, double bound) {
    const std::size_t last = problem_.places - 1;
    std::int64_t most = std::min(static_cast<std::int64_t>(right) + 1, problem_.microbatches);
    if (problem_.most_alive > 0) most = std::min(most, problem_.most_alive);
    const auto alive = static_cast<double>(most);
    for (std::size_t from = 0; from < problem_.places; ++from) {
      State& best = rows_[right][from] = {};
      if (from + right >= last) continue;  // too few pieces are left
      for (std::size_t to = right == 0 ? last : from + 1; to + right <= last; ++to) {
        const std::optional<StageTimes> stage = times_of_(from, to, right, bound);
        if (!stage) break;
        const State rest = right == 0 ? State{0.0, 0.0, 0} : rows_[right - 1][to];
        const double round_s = stage->pass_s + rest.way_s;
        const double way_s = round_s + stage->transfer_s;
        const double cycle_s = std::max({stage->cycle_s, rest.cycle_s, round_s / alive});
        if (cycle_s < bound && (way_s < best.way_s || (way_s == best.way_s && cycle_s < best.cycle_s))) {
          best = {way_s, cycle_s, to};
        }
      }
    }
  }

  const SplitProblem& problem_;
  TimesOf& times_of_;
  std::vector<std::vector<State>> rows_;  // by stages to the right, place
};

}  // namespace detail

// The split with the least time_s; nothing where no split fits. `times_of(from, to, right, bound)` answers for the
// stage [from, to) with `right` stages behind it; nothing where this stage, and any longer one from the same place,
// does not fit or takes `bound` or more; an infinite cycle where this stage alone does not.
//
// The pairs (way, cycle) that no other beats in both are visited from the longest cycle on: least way under a bound,
// then the bound is the cycle just found (as Alpa bounds its slowest stage: Zheng et al., OSDI 2022, section 5.2).
template <class TimesOf>
std::optional<ChainSplit> split_chain(const SplitProblem& problem, TimesOf times_of) {
  if (problem.stages == 0 || problem.places < problem.stages + 1) return std::nullopt;
  detail::WayMinimizer<TimesOf> least_way(problem, times_of);
  std::optional<ChainSplit> best = least_way.run(std::numeric_limits<double>::infinity());
  if (!best) return std::nullopt;
  const double least_way_s = best->way_s;
  double cycle_s = best->cycle_s;
  while (problem.cycles > 0.0) {
    // Splits still to come have a way of least_way_s or more.
    const double useful = (best->time_s - least_way_s) / problem.cycles;
    const std::optional<ChainSplit> next = least_way.run(std::min(cycle_s * (1.0 - problem.step), useful));
    if (!next) break;
    cycle_s = next->cycle_s;
    if (next->time_s < best->time_s) best = next;
  }
  return best;
}

}  // namespace mp::partition
