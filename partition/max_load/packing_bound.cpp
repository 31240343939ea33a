#include "partition/max_load/packing_bound.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-9;
constexpr double kPrices = 4096.0;  // all items together cost about so much

using Items = std::vector<std::size_t>;

// The dearest items that one device of a class holds, by exact seconds.
class Knapsack {
 public:
  Knapsack(const PackingProblem& problem, double limit) : problem_(problem), limit_(limit * (1.0 - 1e-12)) {}

  std::int64_t fill(std::size_t c, const std::vector<std::int32_t>& prices, Items& items) {
    const std::vector<double>& seconds = problem_.seconds[c];
    std::size_t all = 0;
    for (const std::int32_t price : prices) all += static_cast<std::size_t>(price);
    least_.assign(all + 1, kInfinity);
    least_[0] = 0.0;
    taken_.assign(prices.size() * (all + 1), false);
    std::size_t reached = 0;
    for (std::size_t i = 0; i < prices.size(); ++i) {
      const auto price = static_cast<std::size_t>(prices[i]);
      if (price == 0 || !(seconds[i] < limit_)) continue;
      reached += price;
      for (std::size_t v = reached; v >= price; --v) {
        const double with = least_[v - price] + seconds[i];
        if (with >= least_[v] || with >= limit_) continue;
        least_[v] = with;
        taken_[i * (all + 1) + v] = true;
      }
    }
    std::size_t v = all;
    while (least_[v] == kInfinity) --v;
    items.clear();
    const auto worth = static_cast<std::int64_t>(v);
    for (std::size_t i = prices.size(); i-- > 0;) {
      if (!taken_[i * (all + 1) + v]) continue;
      items.push_back(i);
      v -= static_cast<std::size_t>(prices[i]);
    }
    return worth;
  }

 private:
  const PackingProblem& problem_;
  double limit_;
  std::vector<double> least_;  // seconds, by what the items cost
  std::vector<bool> taken_;    // items × costs
};

// min θ: every item in packings of weight 1 together, those of a class weighing no more than θ times its devices. Rows:
// items, then classes. The basis starts with every item alone, on the first class that takes it.
class Master {
 public:
  Master(const PackingProblem& problem, double limit)
      : counts_(problem.counts), items_(problem.seconds.front().size()), rows_(items_ + counts_.size()) {
    std::vector<double> alone(counts_.size(), 0.0);
    std::vector<std::size_t> home(items_, 0);
    for (std::size_t i = 0; i < items_; ++i) {
      while (!(problem.seconds[home[i]][i] < limit)) ++home[i];
      alone[home[i]] += 1.0;
    }
    std::size_t fullest = 0;
    const auto share = [&](std::size_t c) { return alone[c] / counts_[c]; };
    for (std::size_t c = 1; c < counts_.size(); ++c) fullest = share(c) > share(fullest) ? c : fullest;
    theta_row_ = items_ + fullest;
    value_.assign(rows_, 1.0);
    inverse_.assign(rows_ * rows_, 0.0);
    // Row of class c: counts θ − Σ alone − slack = 0, the slack of the fullest being out.
    const double per_theta = 1.0 / counts_[fullest];
    for (std::size_t i = 0; i < items_; ++i) at(i, i) = 1.0;
    value_[theta_row_] = alone[fullest] * per_theta;
    at(theta_row_, theta_row_) = per_theta;
    for (std::size_t i = 0; i < items_; ++i) at(theta_row_, i) = home[i] == fullest ? per_theta : 0.0;
    for (std::size_t c = 0; c < counts_.size(); ++c) {
      const std::size_t row = items_ + c;
      if (c == fullest) continue;
      value_[row] = counts_[c] * value_[theta_row_] - alone[c];
      at(row, row) = -1.0;
      for (std::size_t k = 0; k < rows_; ++k) {
        if (k != row) at(row, k) = counts_[c] * at(theta_row_, k) - (k < items_ && home[k] == c ? 1.0 : 0.0);
      }
    }
  }

  [[nodiscard]] double price_of_item(std::size_t i) const { return inverse_[theta_row_ * rows_ + i]; }
  // What a device of the class may cost at these prices, as the basis has it.
  [[nodiscard]] double price_of_class(std::size_t c) const { return inverse_[theta_row_ * rows_ + items_ + c]; }

  // A packing, or the surplus of an item, or the slack of a class comes into the basis. False: nothing bounds it.
  bool enter_packing(std::size_t c, const Items& items) {
    std::vector<double> column(rows_, 0.0);
    for (const std::size_t i : items) column[i] = 1.0;
    column[items_ + c] = -1.0;
    return enter(column);
  }
  bool enter_surplus(std::size_t row) {
    std::vector<double> column(rows_, 0.0);
    column[row] = -1.0;
    return enter(column);
  }
  // The surplus or slack whose price is negative, most of all.
  [[nodiscard]] std::optional<std::size_t> cheapest_surplus() const {
    const auto first = inverse_.begin() + static_cast<std::ptrdiff_t>(theta_row_ * rows_);
    const auto least = std::min_element(first, first + static_cast<std::ptrdiff_t>(rows_));
    return *least < -kTiny ? std::optional(static_cast<std::size_t>(least - first)) : std::nullopt;
  }

 private:
  double& at(std::size_t row, std::size_t column) { return inverse_[row * rows_ + column]; }

  bool enter(const std::vector<double>& column) {
    std::vector<double> step(rows_, 0.0);
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t k = 0; k < rows_; ++k) step[r] += inverse_[r * rows_ + k] * column[k];
    }
    std::size_t leaves = rows_;
    for (std::size_t r = 0; r < rows_; ++r) {
      if (step[r] <= kTiny || r == theta_row_) continue;  // θ stays: it never falls to 0
      if (leaves == rows_ || value_[r] * step[leaves] < value_[leaves] * step[r]) leaves = r;
    }
    if (leaves == rows_) return false;
    pivot(leaves, step);
    return true;
  }

  void pivot(std::size_t leaves, const std::vector<double>& step) {
    const double length = std::max(0.0, value_[leaves] / step[leaves]);
    for (std::size_t k = 0; k < rows_; ++k) at(leaves, k) /= step[leaves];
    for (std::size_t r = 0; r < rows_; ++r) {
      if (r == leaves || step[r] == 0.0) continue;
      value_[r] = std::max(0.0, value_[r] - step[r] * length);
      for (std::size_t k = 0; k < rows_; ++k) at(r, k) -= step[r] * at(leaves, k);
    }
    value_[leaves] = length;
  }

  const std::vector<std::int32_t>& counts_;
  std::size_t items_;
  std::size_t rows_;
  std::size_t theta_row_ = 0;
  std::vector<double> value_;    // of the basic variables
  std::vector<double> inverse_;  // of the basis, row by row; θ's row is the prices
};

std::vector<std::int32_t> whole_prices(const Master& master, std::size_t items) {
  double sum = 0.0;
  for (std::size_t i = 0; i < items; ++i) sum += std::max(0.0, master.price_of_item(i));
  std::vector<std::int32_t> prices;
  for (std::size_t i = 0; i < items; ++i) {
    const double share = sum > 0.0 ? std::max(0.0, master.price_of_item(i)) / sum : 0.0;
    prices.push_back(static_cast<std::int32_t>(std::lround(share * kPrices)));
  }
  return prices;
}

}  // namespace

bool cannot_pack(const PackingProblem& problem, double limit, const PackingEffort& effort) {
  const std::size_t items = problem.seconds.front().size();
  for (std::size_t i = 0; i < items; ++i) {
    const bool fits = std::any_of(problem.seconds.begin(), problem.seconds.end(),
                                  [&](const std::vector<double>& seconds) { return seconds[i] < limit; });
    if (!fits) return true;
  }
  Knapsack knapsack(problem, limit);
  Master master(problem, limit);
  for (std::int32_t round = 0; round < effort.columns && !effort.stop();) {
    if (const std::optional<std::size_t> surplus = master.cheapest_surplus()) {
      if (!master.enter_surplus(*surplus)) return false;
      ++round;
      continue;
    }
    const std::vector<std::int32_t> prices = whole_prices(master, items);
    std::int64_t held = 0;
    bool entered = false;
    std::vector<Items> packings(problem.counts.size());
    for (std::size_t c = 0; c < packings.size(); ++c) {
      held += problem.counts[c] * knapsack.fill(c, prices, packings[c]);
    }
    std::int64_t all = 0;
    for (const std::int32_t price : prices) all += price;
    if (all > held) return true;
    for (std::size_t c = 0; c < packings.size(); ++c) {
      double worth = -master.price_of_class(c);
      for (const std::size_t i : packings[c]) worth += master.price_of_item(i);
      if (worth <= kTiny) continue;
      if (!master.enter_packing(c, packings[c])) return false;
      entered = true;
      ++round;
    }
    if (!entered) return false;
  }
  return false;
}

}  // namespace mp::partition
