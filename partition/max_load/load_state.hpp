// The loads of a placement, kept up to date as units move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// Times are whole ticks, so that moving there and back changes nothing: all loads together are about 2⁵⁰ ticks.
class LoadState {
 public:
  LoadState(const LoadProblem& problem, LoadPlacement placement);

  // A device whose load a move would change.
  struct Change {
    std::int32_t device = 0;
    std::int64_t ticks = 0;
  };

  // Whether the unit may be on the device: not fixed elsewhere, can run there, and its memory fits.
  [[nodiscard]] bool may_move(std::int32_t unit, std::int32_t device) const;
  // What moving the unit to another device would do to the loads; valid until the next call.
  [[nodiscard]] std::span<const Change> changes(std::int32_t unit, std::int32_t device);
  void move(std::int32_t unit, std::int32_t device);

  [[nodiscard]] std::int32_t device_of(std::int32_t unit) const { return placement_[static_cast<std::size_t>(unit)]; }
  [[nodiscard]] const LoadPlacement& placement() const { return placement_; }
  [[nodiscard]] std::span<const std::int64_t> ticks() const { return ticks_; }  // of every device
  [[nodiscard]] double seconds_per_tick() const { return seconds_per_tick_; }
  [[nodiscard]] const std::vector<std::int32_t>& neighbours_of(std::int32_t unit) const {
    return neighbours_[static_cast<std::size_t>(unit)];
  }

 private:
  struct Tensor {
    std::int64_t ticks = 0;
    std::int32_t producer = 0;
    std::int32_t devices = 0;  // that have a reader
  };

  void add(std::int32_t device, std::int64_t ticks);
  void add_transfer(std::int32_t device, std::int64_t ticks);
  void count_made(std::int32_t unit, std::int32_t from, std::int32_t to);
  void count_read(std::int32_t unit, std::int32_t from, std::int32_t to);
  [[nodiscard]] std::int32_t& readers(std::int32_t tensor, std::int32_t device) {
    return readers_[static_cast<std::size_t>(tensor) * devices_ + static_cast<std::size_t>(device)];
  }
  void index_tensors();
  void count_from_scratch();

  const LoadProblem& problem_;
  LoadPlacement placement_;
  std::size_t devices_;
  double seconds_per_tick_ = 1.0;
  std::vector<std::vector<std::int64_t>> compute_;  // [class][unit], −1: cannot run there
  std::vector<Tensor> tensors_;
  std::vector<std::int32_t> readers_;  // tensors × devices: how many readers are there
  std::vector<std::vector<std::int32_t>> made_;
  std::vector<std::vector<std::int32_t>> read_;
  std::vector<std::vector<std::int32_t>> neighbours_;
  std::vector<bool> pays_;             // by device
  std::vector<std::int64_t> ticks_;    // by device
  std::vector<std::int64_t> bytes_;    // by device
  std::vector<std::int64_t> memory_;   // by device; 0: not limited
  std::vector<std::int64_t> pending_;  // by device, while changes are gathered
  std::vector<bool> touched_;
  std::vector<Change> changes_;
};

}  // namespace mp::partition
