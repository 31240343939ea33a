// How small the largest load can be at best, by work alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// Exchange rates between classes: for every set of classes (bit c: class c) rate[c] ≥ 0. A unit put on any device of
// the set takes at least price = min rate[c] × seconds[c] of what the devices have to offer, which is Σ rate[c] × load.
// So Σ price ≤ largest load × Σ rate[c] × devices of c, whatever the placement: the dual of fractional assignment.
class WorkBound {
 public:
  explicit WorkBound(const LoadProblem& problem);

  // Bits of the classes that have devices left.
  [[nodiscard]] std::size_t set_of(const std::vector<std::int32_t>& left) const;
  [[nodiscard]] std::size_t sets() const { return prices_.size(); }
  // Price of a unit where the classes of the set alone may take it; infinity where none can.
  [[nodiscard]] double price(std::size_t set, std::size_t unit) const { return prices_[set][unit]; }
  // What devices (so many of every class, all in the set) offer per second of load.
  [[nodiscard]] double offer(std::size_t set, const std::vector<std::int32_t>& devices) const;
  // No placement of all units has a smaller largest load.
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  std::vector<std::vector<double>> rates_;   // [set][class]
  std::vector<std::vector<double>> prices_;  // [set][unit]
  double seconds_ = 0.0;
};

}  // namespace mp::partition
