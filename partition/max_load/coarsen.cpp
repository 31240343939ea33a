#include "partition/max_load/coarsen.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/load_nets.hpp"

namespace mp::partition {
namespace {

// Units of a net that still count as near each other: looking at all of a wider one takes a time that grows with its
// square, for next to nothing of a rating.
constexpr std::size_t kWidestNet = 1000;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// Of the class that takes it fastest.
double least_seconds(const LoadProblem& problem, std::size_t unit) {
  double least = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& seconds : problem.seconds) least = std::min(least, seconds[unit]);
  return least;
}

// One visit of every unit; each joins one group at most.
class Pass {
 public:
  Pass(const LoadProblem& problem, double most_s, RandomSource& random)
      : problem_(problem),
        most_s_(most_s),
        random_(random),
        nets_(load_nets(problem)),
        nets_of_(problem.units()),
        group_(problem.units()),
        seconds_(problem.units()),
        rating_(problem.units(), 0.0) {
    for (std::size_t n = 0; n < nets_.size(); ++n) {
      if (nets_[n].units.size() > kWidestNet) continue;
      for (const std::int32_t unit : nets_[n].units) nets_of_[at(unit)].push_back(static_cast<std::int32_t>(n));
    }
    std::iota(group_.begin(), group_.end(), 0);
    for (std::size_t unit = 0; unit < problem.units(); ++unit) seconds_[unit] = least_seconds(problem, unit);
  }

  // The group of every unit, numbered from 0, and how many there are.
  std::pair<std::vector<std::int32_t>, std::int32_t> run() && {
    std::vector<std::int32_t> order(problem_.units());
    std::iota(order.begin(), order.end(), 0);
    random_.shuffle(std::span(order));
    std::vector<bool> has_company(problem_.units(), false);
    for (const std::int32_t unit : order) {
      if (has_company[at(unit)]) continue;
      const std::int32_t best = best_group(unit);
      if (best < 0) continue;
      group_[at(unit)] = best;
      seconds_[at(best)] += seconds_[at(unit)];
      has_company[at(unit)] = has_company[at(best)] = true;
    }
    std::vector<std::int32_t> number(problem_.units(), -1);
    std::int32_t groups = 0;
    for (std::int32_t& group : group_) {
      if (number[at(group)] < 0) number[at(group)] = groups++;
      group = number[at(group)];
    }
    return {std::move(group_), groups};
  }

 private:
  [[nodiscard]] bool fit(std::int32_t unit, std::int32_t group) const {
    if (problem_.fixed_device(at(unit)) >= 0 || problem_.fixed_device(at(group)) >= 0) return false;
    if (seconds_[at(unit)] + seconds_[at(group)] > most_s_) return false;
    return std::all_of(problem_.seconds.begin(), problem_.seconds.end(),
                       [&](const auto& s) { return std::isfinite(s[at(unit)]) == std::isfinite(s[at(group)]); });
  }

  [[nodiscard]] std::int32_t best_group(std::int32_t unit) {
    met_.clear();
    for (const std::int32_t n : nets_of_[at(unit)]) {
      const LoadNet& net = nets_[at(n)];
      const double share = net.transfer_s / static_cast<double>(net.units.size() - 1);
      for (const std::int32_t other : net.units) {
        const std::int32_t group = group_[at(other)];
        if (group == unit) continue;
        if (rating_[at(group)] == 0.0) met_.push_back(group);
        rating_[at(group)] += share;
      }
    }
    std::int32_t best = -1;
    for (const std::int32_t group : met_) {
      if (fit(unit, group) && (best < 0 || rating_[at(group)] > rating_[at(best)])) best = group;
    }
    for (const std::int32_t group : met_) rating_[at(group)] = 0.0;
    return best;
  }

  const LoadProblem& problem_;
  const double most_s_;
  RandomSource& random_;
  const std::vector<LoadNet> nets_;
  std::vector<std::vector<std::int32_t>> nets_of_;
  std::vector<std::int32_t> group_;  // the unit that leads it
  std::vector<double> seconds_;      // of groups, by leader
  std::vector<double> rating_;
  std::vector<std::int32_t> met_;
};

}  // namespace

Reduction coarsen(const LoadProblem& problem, const CoarsenOptions& options) {
  double all_s = 0.0;
  for (std::size_t unit = 0; unit < problem.units(); ++unit) all_s += least_seconds(problem, unit);
  const double most_s = options.share * all_s / static_cast<double>(problem.devices());
  RandomSource random(options.seed);
  Reduction result{.problem = problem, .group_of = std::vector<std::int32_t>(problem.units())};
  std::iota(result.group_of.begin(), result.group_of.end(), 0);
  for (;;) {
    const auto [group, groups] = Pass(result.problem, most_s, random).run();
    if (at(groups) == result.problem.units()) return result;
    result.problem = merge_units(result.problem, group, groups);
    for (std::int32_t& g : result.group_of) g = group[at(g)];
  }
}

}  // namespace mp::partition
