#include "partition/max_load/free_placement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/coarsen.hpp"
#include "partition/max_load/load_annealing.hpp"
#include "partition/max_load/reduce.hpp"

namespace mp::partition {
namespace {

enum class From : std::uint8_t { kStart, kChain, kBest };

struct Heat {
  From from = From::kStart;
  double first = 0.0;
  double last = 0.0;
  std::int64_t steps = 0;  // doubled each time, twice
  bool is_coarse = false;  // with units that belong together moved as one
};
// Rounds come in sevens, a chain: from the start very hot and hot, which of the two crosses the barriers depends on how
// much a transfer weighs, of single units and of groups, since no move of a unit takes half a layer elsewhere; from the
// best of these with moves of some thousandths of the load, then of less than one: where many small units fill devices
// to the brim it is these that find the last half per cent. Each chain falls into a valley of its own, so only its last
// round goes on from the best of all.
constexpr std::array kHeats = {
    Heat{From::kStart, 0.05, 1e-4, 1'000'000},       Heat{From::kStart, 0.2, 1e-4, 1'000'000},
    Heat{From::kStart, 0.05, 1e-4, 1'000'000, true}, Heat{From::kStart, 0.2, 1e-4, 1'000'000, true},
    Heat{From::kChain, 0.004, 1e-5, 4'000'000},      Heat{From::kChain, 0.001, 2e-6, 5'000'000},
    Heat{From::kBest, 0.001, 2e-6, 5'000'000}};
constexpr std::array kGroupShares = {0.1, 0.05, 0.2};  // of a device's compute, chain after chain

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// Largest units first, each to the device that is least loaded among those with room (Graham 1969).
std::optional<LoadPlacement> greedy_placement(const LoadProblem& problem) {
  std::vector<std::size_t> order(problem.units());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool by_bytes = std::any_of(problem.bytes.begin(), problem.bytes.end(), [](std::int64_t b) { return b > 0; });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (by_bytes) return problem.bytes[a] > problem.bytes[b];
    return problem.seconds[0][a] > problem.seconds[0][b];
  });
  LoadPlacement placement(problem.units(), -1);
  std::vector<DeviceLoad> loads(problem.devices());
  for (const std::size_t unit : order) {
    std::size_t best = problem.devices();
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t d = 0; d < problem.devices(); ++d) {
      const DeviceClass& device = problem.classes[at(problem.class_of[d])];
      const std::int32_t fixed = problem.fixed_device(unit);
      if (fixed >= 0 && at(fixed) != d) continue;
      if (device.memory_bytes > 0 && loads[d].bytes + problem.bytes[unit] > device.memory_bytes) continue;
      const double load = loads[d].compute_s + problem.seconds[at(problem.class_of[d])][unit];
      if (load < least) {
        least = load;
        best = d;
      }
    }
    if (best == problem.devices()) return std::nullopt;
    placement[unit] = static_cast<std::int32_t>(best);
    loads[best].compute_s = least;
    loads[best].bytes += problem.bytes[unit];
  }
  return placement;
}

// Memory that never binds need not stand in the way of merging.
LoadProblem without_slack_memory(const LoadProblem& problem) {
  const std::int64_t all = std::accumulate(problem.bytes.begin(), problem.bytes.end(), std::int64_t{0});
  LoadProblem result = problem;
  for (DeviceClass& device : result.classes) {
    if (device.memory_bytes >= all) device.memory_bytes = 0;
  }
  const bool limited = std::any_of(result.classes.begin(), result.classes.end(),
                                   [](const DeviceClass& device) { return device.memory_bytes > 0; });
  if (!limited) std::fill(result.bytes.begin(), result.bytes.end(), 0);
  return result;
}

class Rounds {
 public:
  Rounds(const LoadProblem& problem, const FreePlacementOptions& options, LoadPlacement start)
      : problem_(problem),
        options_(options),
        start_(std::move(start)),
        best_{start_, max_load(problem, start_)},
        lower_bound_s_(options.lower_bound_s) {}

  [[nodiscard]] double lower_bound_s() const { return lower_bound_s_; }

  LoadPlacement run() {
    std::int64_t left = options_.steps;
    for (std::int64_t round = 0; left > 0 && !options_.stop(); ++round) {
      if (best_.seconds <= lower_bound_s_ * (1.0 + 1e-9)) break;
      const std::size_t kind = static_cast<std::size_t>(round) % kHeats.size();
      const Heat& heat = kHeats[kind];
      const std::int64_t cycle = round / static_cast<std::int64_t>(kHeats.size());
      const std::int64_t steps = std::min(left, heat.steps << std::min<std::int64_t>(cycle, 2));
      LoadAnnealingResult found = heat.is_coarse ? anneal_groups(heat, round, steps)
                                                 : anneal(problem_, start_of(heat.from), heat, round, steps);
      if (kind == 0 || found.seconds < chain_.seconds) chain_ = found;
      if (found.seconds < best_.seconds) best_ = std::move(found);
      options_.progress(best_.seconds);
      left -= steps;
      if (kind + 1 == kHeats.size() || left == 0) bound();
    }
    return std::move(best_.placement);
  }

 private:
  [[nodiscard]] LoadAnnealingResult anneal(const LoadProblem& problem, const LoadPlacement& start, const Heat& heat,
                                           std::int64_t round, std::int64_t steps) const {
    const double begin = options_.time_used();
    return anneal_load(problem, start,
                       {.seed = mix_seed(options_.seed, static_cast<std::uint64_t>(round)),
                        .steps = steps,
                        .first_temperature = heat.first,
                        .last_temperature = heat.last,
                        .done =
                            [&] {
                              const double left_then = 1.0 - begin;
                              const double used = options_.time_used() - begin;
                              return left_then > 0.0 ? used / left_then : 1.0;
                            },
                        .enough_s = lower_bound_s_,
                        .stop = options_.stop});
  }

  [[nodiscard]] LoadAnnealingResult anneal_groups(const Heat& heat, std::int64_t round, std::int64_t steps) const {
    const std::size_t chain = static_cast<std::size_t>(round) / kHeats.size();
    const Reduction groups = coarsen(problem_, {.seed = mix_seed(options_.seed, static_cast<std::uint64_t>(round)),
                                                .share = kGroupShares[chain % kGroupShares.size()]});
    LoadPlacement start(groups.problem.units(), 0);
    for (std::size_t unit = 0; unit < problem_.units(); ++unit) start[at(groups.group_of[unit])] = start_[unit];
    if (!std::isfinite(max_load(groups.problem, start))) {  // memory, where units of a group were apart
      const std::optional<LoadPlacement> other = greedy_placement(groups.problem);
      if (!other || !std::isfinite(max_load(groups.problem, *other))) return {start_, max_load(problem_, start_)};
      start = *other;
    }
    LoadAnnealingResult found = anneal(groups.problem, start, heat, round, steps);
    found.placement = placement_of_members(found.placement, groups.group_of);
    found.seconds = max_load(problem_, found.placement);
    return found;
  }

  void bound() {
    if (best_.seconds >= bounded_s_ || options_.stop()) return;
    bounded_s_ = best_.seconds;
    lower_bound_s_ = std::max(lower_bound_s_, options_.bound(best_.seconds));
  }

  [[nodiscard]] const LoadPlacement& start_of(From from) const {
    switch (from) {
      case From::kStart:
        break;
      case From::kChain:
        return chain_.placement;
      case From::kBest:
        return best_.placement;
    }
    return start_;
  }

  const LoadProblem& problem_;
  const FreePlacementOptions& options_;
  LoadPlacement start_;
  LoadAnnealingResult best_;
  LoadAnnealingResult chain_;
  double lower_bound_s_;
  double bounded_s_ = std::numeric_limits<double>::infinity();  // what was best when a bound was last asked for
};

}  // namespace

FreePlacementResult best_free_placement(const LoadProblem& problem, const FreePlacementOptions& options) {
  FreePlacementResult result;
  if (options.start && std::isfinite(max_load(problem, *options.start))) result.placement = options.start;
  if (!result.placement) result.placement = greedy_placement(problem);
  if (!result.placement || !std::isfinite(max_load(problem, *result.placement))) return {};
  result.seconds = max_load(problem, *result.placement);
  const Reduction reduced = absorb_weightless(without_slack_memory(problem), false);
  LoadPlacement start(reduced.problem.units(), 0);
  for (std::size_t unit = problem.units(); unit-- > 0;) start[at(reduced.group_of[unit])] = (*result.placement)[unit];
  for (std::size_t unit = 0; unit < problem.units(); ++unit) {  // of those that weigh something, the place counts
    const std::size_t group = at(reduced.group_of[unit]);
    const bool takes_time =
        std::any_of(problem.seconds.begin(), problem.seconds.end(), [&](const auto& s) { return s[unit] > 0.0; });
    if (takes_time || problem.bytes[unit] > 0) start[group] = (*result.placement)[unit];
  }
  if (!std::isfinite(max_load(reduced.problem, start))) return result;
  Rounds rounds(reduced.problem, options, std::move(start));
  LoadPlacement found = placement_of_members(rounds.run(), reduced.group_of);
  result.lower_bound_s = rounds.lower_bound_s();
  if (const double seconds = max_load(problem, found); seconds < result.seconds) {
    result.placement = std::move(found);
    result.seconds = seconds;
  }
  return result;
}

}  // namespace mp::partition
