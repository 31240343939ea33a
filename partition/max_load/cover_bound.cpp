#include "partition/max_load/cover_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "partition/max_load/cover_master.hpp"
#include "partition/max_load/load_nets.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kMostUnits = 600;  // the linear program has a row for each
constexpr std::size_t kMostStates = 1024;
constexpr double kRounding = 1e-12;
constexpr double kLeastWholePrices = 4096.0;  // all units together cost about so much
constexpr double kMostWholePrices = 65536.0;
constexpr double kTowardsBest = 0.8;
constexpr std::size_t kPivots = 3000;  // a round
constexpr double kFeasible = 1e-9;
constexpr int kBisections = 14;

}  // namespace

// One limit's linear program, and the best prices met.
struct CoverBound::Attempt {
  CoverMaster master;
  std::vector<double> best;         // adding up to about 1
  std::vector<std::int32_t> whole;  // the same in whole numbers
  double margin = -std::numeric_limits<double>::infinity();
  double scale = kLeastWholePrices;
  bool found = false;  // a set that is dearer than its device
};

std::optional<CoverBound> CoverBound::make(const LoadProblem& problem) {
  if (problem.units() == 0 || problem.units() > kMostUnits) return std::nullopt;
  const std::vector<LoadNet> nets = load_nets(problem);
  const std::vector<std::int32_t> order = narrow_order(problem.units(), nets);
  CoverBound result;
  result.counts_ = problem.counts();
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    const bool pays = problem.classes[c].pays_transfers;
    std::optional<DeviceSets> sets = DeviceSets::make(
        problem.seconds[c], pays ? std::span<const LoadNet>(nets) : std::span<const LoadNet>(), order, kMostStates);
    if (!sets) return std::nullopt;
    result.sets_.push_back(std::move(*sets));
  }
  double all = 0.0;
  for (std::size_t unit = 0; unit < problem.units(); ++unit) {
    double least = std::numeric_limits<double>::infinity();
    for (const std::vector<double>& seconds : problem.seconds) least = std::min(least, seconds[unit]);
    result.work_.push_back(std::isfinite(least) ? least : 0.0);
    all += result.work_.back();
  }
  for (double& work : result.work_) work = all > 0.0 ? work / all : 1.0 / static_cast<double>(problem.units());
  return result;
}

std::int64_t CoverBound::looked_at() const {
  std::int64_t sum = 0;
  for (const DeviceSets& sets : sets_) sum += sets.looked_at();
  return sum;
}

bool CoverBound::refutes(const std::vector<std::int32_t>& prices, double limit) {
  std::int64_t all = 0;
  for (const std::int32_t price : prices) all += price;
  for (std::size_t c = 0; c < sets_.size(); ++c) {
    const std::optional<PricedSet> set = sets_[c].dearest(prices, limit * (1.0 - kRounding));
    if (!set) return false;
    all -= counts_[c] * set->price;
  }
  return all > 0;
}

// The dearest sets of every class join the linear program where they are too dear there, and so do, for further devices
// of the class, the dearest of what these leave.
void CoverBound::add_sets(const std::vector<std::int32_t>& prices, double limit, std::vector<PricedSet> dearest,
                          Attempt& attempt) {
  for (std::size_t c = 0; c < sets_.size(); ++c) {
    std::vector<bool> taken(prices.size(), false);
    std::optional<PricedSet> set = std::move(dearest[c]);
    for (std::int32_t device = 0; set && !set->units.empty(); ++device) {
      for (const std::int32_t unit : set->units) taken[static_cast<std::size_t>(unit)] = true;
      if (attempt.master.surplus(c, set->units) > kFeasible) {
        attempt.found = true;
        attempt.master.add(c, std::move(set->units));
      }
      if (device + 1 == counts_[c]) break;
      set = sets_[c].dearest(prices, limit * (1.0 - kRounding), taken);
    }
  }
}

// Whether the prices refute the limit; else the sets that are too dear at them join the linear program.
bool CoverBound::try_prices(const std::vector<double>& prices, double limit, Attempt& attempt) {
  attempt.found = false;
  double positive = 0.0;
  for (const double price : prices) positive += std::max(0.0, price);
  if (positive <= 0.0) return false;
  std::vector<std::int32_t> whole;
  std::int64_t all = 0;
  for (const double price : prices) {
    whole.push_back(static_cast<std::int32_t>(std::lround(price / positive * attempt.scale)));
    all += whole.back();
  }
  std::vector<PricedSet> dearest;
  std::int64_t held = 0;
  for (std::size_t c = 0; c < sets_.size(); ++c) {
    std::optional<PricedSet> set = sets_[c].dearest(whole, limit * (1.0 - kRounding));
    if (!set) return false;
    held += counts_[c] * set->price;
    dearest.push_back(std::move(*set));
  }
  if (all > held) return true;
  const double margin = static_cast<double>(all - held) * positive / attempt.scale;
  if (margin > attempt.margin) {
    attempt.margin = margin;
    attempt.best = prices;
    attempt.whole = whole;
  }
  add_sets(whole, limit, std::move(dearest), attempt);
  return false;
}

double CoverBound::bound(double known_s, double limit, const CoverEffort& effort) {
  std::vector<double> low;
  std::vector<double> high;
  const double average = 1.0 / static_cast<double>(work_.size());
  for (const double work : work_) {
    low.push_back(-work - average);
    high.push_back(2.0 * work + average);
  }
  Attempt attempt{.master = CoverMaster(low, high, counts_), .best = work_, .whole = {}};
  if (try_prices(work_, limit, attempt)) return limit;
  double pull = kTowardsBest;
  const std::int64_t enough = looked_at() + effort.sets;
  while (looked_at() < enough && !effort.stop()) {
    attempt.master.solve(kPivots);
    if (attempt.master.objective() < kFeasible) break;  // sets below the limit cover everything
    std::vector<double> prices;
    for (std::size_t unit = 0; unit < work_.size(); ++unit) {
      prices.push_back(pull * attempt.best[unit] + (1.0 - pull) * attempt.master.price_of_unit(unit));
    }
    if (try_prices(prices, limit, attempt)) return limit;
    if (attempt.found) continue;
    if (pull > 0.1) {
      pull *= 0.7;
    } else if (attempt.scale < kMostWholePrices) {
      attempt.scale *= 4.0;
    } else {
      break;
    }
  }
  // What the best prices prove is a little less.
  double proved = known_s;
  double open = limit;
  for (int i = 0; i < kBisections && !effort.stop() && !attempt.whole.empty(); ++i) {
    const double middle = 0.5 * (proved + open);
    (refutes(attempt.whole, middle) ? proved : open) = middle;
  }
  return proved;
}

}  // namespace mp::partition
