#include "partition/max_load/cover_master.hpp"

#include <algorithm>
#include <utility>

namespace mp::partition {
namespace {

constexpr double kTiny = 1e-9;
constexpr double kPerturbation = 1e-3;
constexpr std::size_t kPivotsBetweenRecounts = 200;  // rounding gathers in prices that are updated

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// In [0, 1), without a pattern.
double scattered(std::size_t i) { return static_cast<double>(i * 2654435761U % 1000003U) / 1000003.0; }

}  // namespace

CoverMaster::CoverMaster(std::vector<double> low, std::vector<double> high, std::vector<std::int32_t> counts)
    : low_(std::move(low)),
      high_(std::move(high)),
      units_(low_.size()),
      classes_(counts.size()),
      rows_(units_ + classes_),
      inverse_(rows_ * rows_, 0.0) {
  for (std::size_t row = 0; row < rows_; ++row) {
    inverse_[row * rows_ + row] = 1.0;
    basis_.push_back(row < units_ ? row : row + units_);
    value_.push_back(row < units_ ? 1.0 + kPerturbation * scattered(row) : counts[row - units_]);
  }
  recount_prices();
}

void CoverMaster::add(std::size_t device_class, std::vector<std::int32_t> units) {
  sets_.push_back({device_class, std::move(units)});
}

double CoverMaster::surplus(std::size_t device_class, std::span<const std::int32_t> units) const {
  double sum = prices_[units_ + device_class];
  for (const std::int32_t unit : units) sum += prices_[at(unit)];
  return sum;
}

double CoverMaster::objective() const {
  double sum = 0.0;
  for (std::size_t row = 0; row < rows_; ++row) sum += cost_of(basis_[row]) * value_[row];
  return sum;
}

double CoverMaster::cost_of(std::size_t variable) const {
  if (variable < units_) return high_[variable];
  return variable < 2 * units_ ? -low_[variable - units_] : 0.0;
}

double CoverMaster::reduced_cost(std::size_t variable) const {
  if (variable < units_) return high_[variable] - prices_[variable];
  if (variable < 2 * units_) return prices_[variable - units_] - low_[variable - units_];
  if (variable < 2 * units_ + classes_) return -prices_[variable - units_];
  const Set& set = sets_[variable - 2 * units_ - classes_];
  return -surplus(set.device_class, set.units);
}

std::vector<double> CoverMaster::column_in_basis(std::size_t variable) const {
  std::vector<double> column(rows_, 0.0);
  const auto add_row = [&](std::size_t row, double factor) {
    for (std::size_t r = 0; r < rows_; ++r) column[r] += factor * inverse_[r * rows_ + row];
  };
  if (variable < 2 * units_) {
    add_row(variable % units_, variable < units_ ? 1.0 : -1.0);
  } else if (variable < 2 * units_ + classes_) {
    add_row(variable - units_, 1.0);
  } else {
    const Set& set = sets_[variable - 2 * units_ - classes_];
    for (std::size_t r = 0; r < rows_; ++r) {
      const double* row = inverse_.data() + r * rows_;
      double sum = row[units_ + set.device_class];
      for (const std::int32_t unit : set.units) sum += row[unit];
      column[r] = sum;
    }
  }
  return column;
}

bool CoverMaster::enter(std::size_t variable) {
  const std::vector<double> step = column_in_basis(variable);
  std::size_t leaves = rows_;
  for (std::size_t r = 0; r < rows_; ++r) {
    if (step[r] <= kTiny) continue;
    if (leaves == rows_ || value_[r] * step[leaves] < value_[leaves] * step[r]) leaves = r;
  }
  if (leaves == rows_) return false;
  const double length = std::max(0.0, value_[leaves] / step[leaves]);
  const double gain = reduced_cost(variable);
  double* pivot_row = inverse_.data() + leaves * rows_;
  for (std::size_t k = 0; k < rows_; ++k) pivot_row[k] /= step[leaves];
  for (std::size_t r = 0; r < rows_; ++r) {
    if (r == leaves || step[r] == 0.0) continue;
    value_[r] = std::max(0.0, value_[r] - step[r] * length);
    double* row = inverse_.data() + r * rows_;
    for (std::size_t k = 0; k < rows_; ++k) row[k] -= step[r] * pivot_row[k];
  }
  value_[leaves] = length;
  basis_[leaves] = variable;
  for (std::size_t k = 0; k < rows_; ++k) prices_[k] += gain * pivot_row[k];
  if (++pivots_ % kPivotsBetweenRecounts == 0) recount_prices();
  return true;
}

void CoverMaster::recount_prices() {
  prices_.assign(rows_, 0.0);
  for (std::size_t r = 0; r < rows_; ++r) {
    const double cost = cost_of(basis_[r]);
    if (cost == 0.0) continue;
    for (std::size_t k = 0; k < rows_; ++k) prices_[k] += cost * inverse_[r * rows_ + k];
  }
}

void CoverMaster::solve(std::size_t max_pivots) {
  for (std::size_t pivot = 0; pivot < max_pivots; ++pivot) {
    std::size_t best = 0;
    double least = -kTiny;
    const std::size_t variables = 2 * units_ + classes_ + sets_.size();
    for (std::size_t variable = 0; variable < variables; ++variable) {
      if (const double cost = reduced_cost(variable); cost < least) {
        least = cost;
        best = variable;
      }
    }
    if (least == -kTiny || !enter(best)) return;
  }
}

}  // namespace mp::partition
