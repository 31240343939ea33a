// The loads of a placement, kept up to date as units move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// Times are whole ticks, so that moving there and back changes nothing: all loads together are about 2⁵⁰ ticks.
//
// Who makes a tensor and who reads it does not matter: where its units are on several devices, each of these pays for
// it once, by sending it or by receiving it. So tensors are nets of a hypergraph, those of the same units are one net,
// and a move changes the loads of the two devices that it concerns, and no others.
class LoadState {
 public:
  LoadState(const LoadProblem& problem, LoadPlacement placement);

  // What a move does to the loads of the device that a unit leaves, and of the one it comes to.
  struct Change {
    std::int64_t from_ticks = 0;
    std::int64_t to_ticks = 0;
    friend bool operator==(const Change&, const Change&) = default;
  };

  // Whether the unit may be on the device: not fixed elsewhere, can run there, and its memory fits.
  [[nodiscard]] bool may_move(std::int32_t unit, std::int32_t device) const;
  // Of moving the unit to another device.
  [[nodiscard]] Change change(std::int32_t unit, std::int32_t device) const;
  // Returns the change made.
  Change move(std::int32_t unit, std::int32_t device);

  [[nodiscard]] std::int32_t device_of(std::int32_t unit) const { return placement_[static_cast<std::size_t>(unit)]; }
  [[nodiscard]] const LoadPlacement& placement() const { return placement_; }
  [[nodiscard]] std::span<const std::int64_t> ticks() const { return ticks_; }  // of every device
  [[nodiscard]] double seconds_per_tick() const { return seconds_per_tick_; }
  // The unit's compute on the device; −1: cannot run there.
  [[nodiscard]] std::int64_t compute_ticks(std::int32_t unit, std::int32_t device) const {
    return compute_[static_cast<std::size_t>(device)][static_cast<std::size_t>(unit)];
  }
  // Units that share nets with this one, once for each net shared.
  [[nodiscard]] const std::vector<std::int32_t>& neighbours_of(std::int32_t unit) const {
    return neighbours_[static_cast<std::size_t>(unit)];
  }

 private:
  struct Net {
    std::int64_t ticks = 0;
    std::int32_t devices = 0;  // that have a unit of it
  };

  void index_nets(const LoadProblem& problem);
  void count_from_scratch();
  [[nodiscard]] const std::int32_t* units_on(std::int32_t net) const {
    return units_on_.data() + static_cast<std::size_t>(net) * devices_;
  }
  [[nodiscard]] std::int32_t* units_on(std::int32_t net) {
    return units_on_.data() + static_cast<std::size_t>(net) * devices_;
  }

  const LoadProblem& problem_;
  LoadPlacement placement_;
  std::size_t devices_;
  double seconds_per_tick_ = 1.0;
  std::vector<std::vector<std::int64_t>> compute_;  // [device][unit], −1: cannot run there
  std::vector<Net> nets_;
  std::vector<std::int32_t> units_on_;  // nets × devices: how many units are there
  std::vector<std::vector<std::int32_t>> nets_of_;
  std::vector<std::vector<std::int32_t>> neighbours_;
  std::vector<bool> pays_;            // by device
  std::vector<std::int64_t> ticks_;   // by device
  std::vector<std::int64_t> bytes_;   // by device
  std::vector<std::int64_t> memory_;  // by device; 0: not limited
};

}  // namespace mp::partition
