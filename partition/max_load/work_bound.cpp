#include "partition/max_load/work_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kMaxClasses = 6;  // with more, one set of all of them must do

double price_of(const LoadProblem& problem, const std::vector<double>& rates, std::size_t unit) {
  double least = kInfinity;
  for (std::size_t c = 0; c < rates.size(); ++c) {
    if (rates[c] >= 0.0 && std::isfinite(problem.seconds[c][unit])) {
      least = std::min(least, rates[c] * problem.seconds[c][unit]);
    }
  }
  return least;
}

double bound_of(const LoadProblem& problem, const std::vector<double>& rates, const std::vector<std::int32_t>& counts) {
  double offer = 0.0;
  for (std::size_t c = 0; c < rates.size(); ++c) offer += std::max(0.0, rates[c]) * counts[c];
  double work = 0.0;
  for (std::size_t unit = 0; unit < problem.units(); ++unit) work += price_of(problem, rates, unit);
  return offer > 0.0 ? work / offer : 0.0;
}

// Coordinate ascent on the rates of the set: the bound is quasi-concave in each of them.
std::vector<double> best_rates(const LoadProblem& problem, std::size_t set, const std::vector<std::int32_t>& counts) {
  std::vector<double> rates(problem.classes.size(), -1.0);
  for (std::size_t c = 0; c < rates.size(); ++c) {
    if ((set >> c & 1U) != 0) rates[c] = 1.0;
  }
  double best = bound_of(problem, rates, counts);
  for (double factor = 4.0; factor > 1.0001; factor = std::sqrt(factor)) {
    for (std::size_t c = 0; c < rates.size(); ++c) {
      if (rates[c] < 0.0) continue;
      for (const double step : {factor, 1.0 / factor}) {
        for (;;) {
          const double before = rates[c];
          rates[c] *= step;
          const double bound = bound_of(problem, rates, counts);
          if (bound > best * (1.0 + 1e-12) && rates[c] > 1e-12 && rates[c] < 1e12) {
            best = bound;
          } else {
            rates[c] = before;
            break;
          }
        }
      }
    }
  }
  return rates;
}

}  // namespace

WorkBound::WorkBound(const LoadProblem& problem) {
  const std::size_t classes = problem.classes.size();
  const std::vector<std::int32_t> counts = problem.counts();
  const std::size_t sets = classes <= kMaxClasses ? std::size_t{1} << classes : 2;
  for (std::size_t set = 0; set < sets; ++set) {
    const std::size_t members = classes <= kMaxClasses ? set : (set == 0 ? 0 : (std::size_t{1} << classes) - 1);
    rates_.push_back(best_rates(problem, members, counts));
    std::vector<double> prices;
    for (std::size_t unit = 0; unit < problem.units(); ++unit) prices.push_back(price_of(problem, rates_.back(), unit));
    prices_.push_back(std::move(prices));
  }
  std::vector<std::int32_t> all = counts;
  const std::size_t full = set_of(all);
  double work = 0.0;
  for (const double price : prices_[full]) work += price;
  const double offered = offer(full, counts);
  if (offered > 0.0) seconds_ = work / offered;
}

std::size_t WorkBound::set_of(const std::vector<std::int32_t>& left) const {
  std::size_t set = 0;
  for (std::size_t c = 0; c < left.size(); ++c) set |= left[c] > 0 ? std::size_t{1} << c : 0;
  return left.size() <= kMaxClasses ? set : (set == 0 ? 0 : 1);
}

double WorkBound::offer(std::size_t set, const std::vector<std::int32_t>& devices) const {
  double sum = 0.0;
  for (std::size_t c = 0; c < devices.size(); ++c) sum += std::max(0.0, rates_[set][c]) * devices[c];
  return sum;
}

}  // namespace mp::partition
