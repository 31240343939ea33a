#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "partition/max_load/device_sets.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kStarts = 16;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// Units one after another, always the next that opens the fewest nets beyond those it closes.
class Walk {
 public:
  Walk(std::span<const LoadNet> nets, const std::vector<std::vector<std::int32_t>>& nets_of)
      : nets_of_(nets_of), left_(nets.size()), open_(nets.size(), false), taken_(nets_of.size(), false) {
    for (std::size_t n = 0; n < nets.size(); ++n) left_[n] = nets[n].units.size();
  }

  void run(std::size_t start) {
    take(start);
    while (order.size() < nets_of_.size()) {
      std::size_t next = nets_of_.size();
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t unit = 0; unit < nets_of_.size(); ++unit) {
        if (taken_[unit]) continue;
        if (const double w = width_with(unit); w < least) {
          least = w;
          next = unit;
        }
      }
      take(next);
    }
  }

  std::vector<std::int32_t> order;
  double states = 0.0;  // about how many there are along the way

 private:
  [[nodiscard]] double width_with(std::size_t unit) const {
    constexpr double kFarAway = 100.0;
    double width = 0.0;
    bool near = nets_of_[unit].empty();
    for (const std::int32_t n : nets_of_[unit]) {
      near = near || open_[at(n)];
      width += (open_[at(n)] ? 0.0 : 1.0) - (left_[at(n)] == 1 ? 1.001 : 0.0);
    }
    return near ? width : width + kFarAway;
  }

  void take(std::size_t unit) {
    taken_[unit] = true;
    order.push_back(static_cast<std::int32_t>(unit));
    for (const std::int32_t n : nets_of_[unit]) {
      if (!open_[at(n)]) width_ += 1;
      open_[at(n)] = true;
      if (--left_[at(n)] == 0) width_ -= 1;
    }
    states += std::exp2(width_);
  }

  const std::vector<std::vector<std::int32_t>>& nets_of_;
  std::vector<std::size_t> left_;  // units of every net that are not taken
  std::vector<bool> open_;
  std::vector<bool> taken_;
  double width_ = 0.0;
};

}  // namespace

std::vector<std::int32_t> narrow_order(std::size_t units, std::span<const LoadNet> nets) {
  std::vector<std::vector<std::int32_t>> nets_of(units);
  for (std::size_t n = 0; n < nets.size(); ++n) {
    for (const std::int32_t unit : nets[n].units) nets_of[at(unit)].push_back(static_cast<std::int32_t>(n));
  }
  std::vector<std::int32_t> best;
  double least = std::numeric_limits<double>::infinity();
  const std::size_t stride = std::max<std::size_t>(1, units / kStarts);
  for (std::size_t start = 0; start < units; start += stride) {
    Walk walk(nets, nets_of);
    walk.run(start);
    if (walk.states >= least) continue;
    least = walk.states;
    best = std::move(walk.order);
  }
  return best;
}

}  // namespace mp::partition
