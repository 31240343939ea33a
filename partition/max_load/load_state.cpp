#include "partition/max_load/load_state.hpp"

#include <algorithm>
#include <cmath>

#include "partition/max_load/load_nets.hpp"

namespace mp::partition {
namespace {

constexpr double kTicksTogether = 0x1p50;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// More than all devices can be loaded with together.
double all_seconds(const LoadProblem& problem) {
  double sum = 0.0;
  for (const std::vector<double>& seconds : problem.seconds) {
    for (const double s : seconds) sum += std::isfinite(s) ? s : 0.0;
  }
  for (const LoadTensor& tensor : problem.tensors) {
    sum += tensor.transfer_s * static_cast<double>(tensor.readers.size() + 1);
  }
  return sum;
}

}  // namespace

LoadState::LoadState(const LoadProblem& problem, LoadPlacement placement)
    : problem_(problem),
      placement_(std::move(placement)),
      devices_(problem.devices()),
      nets_of_(problem.units()),
      neighbours_(problem.units()),
      ticks_(problem.devices(), 0),
      bytes_(problem.devices(), 0) {
  const double together = all_seconds(problem);
  if (together > 0.0) seconds_per_tick_ = together / kTicksTogether;
  for (const std::int32_t c : problem.class_of) {
    pays_.push_back(problem.classes[at(c)].pays_transfers);
    memory_.push_back(problem.classes[at(c)].memory_bytes);
    compute_.emplace_back();
    for (const double s : problem.seconds[at(c)]) {
      compute_.back().push_back(std::isfinite(s) ? std::llround(s / seconds_per_tick_) : -1);
    }
  }
  index_nets(problem);
  count_from_scratch();
}

void LoadState::index_nets(const LoadProblem& problem) {
  const std::vector<LoadNet> nets = load_nets(problem);
  units_on_.assign(nets.size() * devices_, 0);
  for (const LoadNet& net : nets) {
    const auto number = static_cast<std::int32_t>(nets_.size());
    nets_.push_back({.ticks = std::llround(net.transfer_s / seconds_per_tick_)});
    for (const std::int32_t unit : net.units) {
      nets_of_[at(unit)].push_back(number);
      ++units_on(number)[placement_[at(unit)]];
      for (const std::int32_t other : net.units) {
        if (other != unit) neighbours_[at(unit)].push_back(other);
      }
    }
  }
}

void LoadState::count_from_scratch() {
  for (std::size_t unit = 0; unit < placement_.size(); ++unit) {
    const std::int32_t device = placement_[unit];
    ticks_[at(device)] += std::max<std::int64_t>(0, compute_[at(device)][unit]);
    bytes_[at(device)] += problem_.bytes[unit];
  }
  for (std::size_t n = 0; n < nets_.size(); ++n) {
    const std::int32_t* there = units_on(static_cast<std::int32_t>(n));
    nets_[n].devices =
        static_cast<std::int32_t>(devices_ - static_cast<std::size_t>(std::count(there, there + devices_, 0)));
    if (nets_[n].devices < 2) continue;
    for (std::size_t d = 0; d < devices_; ++d) {
      if (there[d] > 0 && pays_[d]) ticks_[d] += nets_[n].ticks;
    }
  }
}

bool LoadState::may_move(std::int32_t unit, std::int32_t device) const {
  const std::int32_t fixed = problem_.fixed_device(at(unit));
  if (fixed >= 0 && fixed != device) return false;
  if (compute_[at(device)][at(unit)] < 0) return false;
  return memory_[at(device)] == 0 || bytes_[at(device)] + problem_.bytes[at(unit)] <= memory_[at(device)];
}

LoadState::Change LoadState::change(std::int32_t unit, std::int32_t device) const {
  const std::int32_t from = placement_[at(unit)];
  std::int64_t less = 0;  // that the first device pays
  std::int64_t more = 0;
  for (const std::int32_t n : nets_of_[at(unit)]) {
    const std::int32_t* there = units_on(n);
    const Net& net = nets_[at(n)];
    if (net.devices == 1) {  // it is split from now on
      less -= net.ticks;
      more += net.ticks;
      continue;
    }
    const bool leaves = there[from] == 1;
    if (leaves) less += net.ticks;
    if (there[device] == 0) {
      more += net.ticks;
    } else if (leaves && net.devices == 2) {  // together again
      more -= net.ticks;
    }
  }
  return {.from_ticks = -std::max<std::int64_t>(0, compute_[at(from)][at(unit)]) - (pays_[at(from)] ? less : 0),
          .to_ticks = std::max<std::int64_t>(0, compute_[at(device)][at(unit)]) + (pays_[at(device)] ? more : 0)};
}

LoadState::Change LoadState::move(std::int32_t unit, std::int32_t device) {
  const std::int32_t from = placement_[at(unit)];
  if (from == device) return {};
  const Change made = change(unit, device);
  ticks_[at(from)] += made.from_ticks;
  ticks_[at(device)] += made.to_ticks;
  for (const std::int32_t n : nets_of_[at(unit)]) {
    std::int32_t* there = units_on(n);
    if (--there[from] == 0) --nets_[at(n)].devices;
    if (there[device]++ == 0) ++nets_[at(n)].devices;
  }
  bytes_[at(from)] -= problem_.bytes[at(unit)];
  bytes_[at(device)] += problem_.bytes[at(unit)];
  placement_[at(unit)] = device;
  return made;
}

}  // namespace mp::partition
