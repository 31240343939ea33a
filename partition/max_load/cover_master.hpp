// The linear program over sets of units, one for each device: which prices of units make every known set too cheap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mp::partition {

// Every unit in exactly one set, counts[c] sets of class c at most. A unit may be left out for `high` of its own, or be
// in one set too many for −`low`; the least that this costs together is 0 if and only if the sets known can do without.
// Its dual: prices of units between low and high, and of devices, at which no set known costs more than its device.
// Revised primal simplex method with an explicit inverse. Right-hand sides are perturbed, or the method would turn in
// circles among the many bases of the same value.
class CoverMaster {
 public:
  CoverMaster(std::vector<double> low, std::vector<double> high, std::vector<std::int32_t> counts);

  void add(std::size_t device_class, std::vector<std::int32_t> units);
  // To optimality, or for so many steps.
  void solve(std::size_t max_pivots);

  [[nodiscard]] double price_of_unit(std::size_t unit) const { return prices_[unit]; }
  // How much dearer the set is than its device.
  [[nodiscard]] double surplus(std::size_t device_class, std::span<const std::int32_t> units) const;
  [[nodiscard]] double objective() const;

 private:
  // Variables in this order: left out, one too many (by unit), devices not used (by class), sets.
  [[nodiscard]] double cost_of(std::size_t variable) const;
  [[nodiscard]] double reduced_cost(std::size_t variable) const;
  [[nodiscard]] std::vector<double> column_in_basis(std::size_t variable) const;
  bool enter(std::size_t variable);
  void recount_prices();

  struct Set {
    std::size_t device_class = 0;
    std::vector<std::int32_t> units;
  };

  std::vector<double> low_;
  std::vector<double> high_;
  std::size_t units_;
  std::size_t classes_;
  std::size_t rows_;
  std::vector<Set> sets_;
  std::vector<std::size_t> basis_;  // variable of every row
  std::vector<double> value_;       // of it
  std::vector<double> inverse_;     // of the basis, row by row
  std::vector<double> prices_;      // of rows: units, then −(devices of the class)
  std::size_t pivots_ = 0;
};

}  // namespace mp::partition
