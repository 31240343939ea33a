// How small the largest load can be, by covering the units with sets that a device can take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "partition/max_load/device_sets.hpp"
#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct CoverEffort {
  std::int64_t sets = 64'000'000;  // looked at
  std::function<bool()> stop = [] { return false; };
};

// Set partitioning by column generation (Gilmore & Gomory 1961; Barnhart et al., Branch-and-Price, Operations Research
// 1998): were there a placement below a limit, then the sets of its devices cover every unit once. That is refuted by
// prices of the units at which all units cost more than the dearest sets below the limit that the devices can take
// (DeviceSets), one each. The prices come from the linear program over the sets met so far (CoverMaster), drawn towards
// the best ones so far (Wentges 1997). The proof is in whole prices and exact seconds. Memory of devices is not looked
// at, which makes the bound smaller, not wrong.
class CoverBound {
 public:
  // nullopt where the tensors' graph is too wide for DeviceSets.
  static std::optional<CoverBound> make(const LoadProblem& problem);

  // Proved: no placement has a largest load below it. At most `limit`, which is reached where a placement below is
  // refuted; at least `known_s`, which is proved already.
  [[nodiscard]] double bound(double known_s, double limit, const CoverEffort& effort);

 private:
  struct Attempt;
  CoverBound() = default;

  [[nodiscard]] bool try_prices(const std::vector<double>& prices, double limit, Attempt& attempt);
  [[nodiscard]] std::int64_t looked_at() const;
  [[nodiscard]] bool refutes(const std::vector<std::int32_t>& prices, double limit);
  void add_sets(const std::vector<std::int32_t>& prices, double limit, std::vector<PricedSet> dearest,
                Attempt& attempt);

  std::vector<double> work_;          // of every unit, for prices to begin with
  std::vector<std::int32_t> counts_;  // devices of each class
  std::vector<DeviceSets> sets_;      // of each class
};

}  // namespace mp::partition
