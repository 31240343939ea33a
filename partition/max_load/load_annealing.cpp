#include "partition/max_load/load_annealing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/load_state.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kStepsBetweenStops = 4096;
constexpr double kMostHeats = 20.0;  // a rise by more is as good as never taken: one in e²⁰

// Of kKinds proposals so many are swaps and moves of groups; the rest are moves of one unit.
constexpr std::uint64_t kKinds = 8;
constexpr std::uint64_t kSwaps = 1;
constexpr std::uint64_t kGroups = 1;
constexpr std::uint64_t kMostTogether = 6;  // units in a group

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

double power16(double x) {
  x *= x;
  x *= x;
  x *= x;
  return x * x;
}

double root16(double x) { return std::sqrt(std::sqrt(std::sqrt(std::sqrt(x)))); }

class Annealing {
 public:
  Annealing(const LoadProblem& problem, const LoadPlacement& start, const LoadAnnealingOptions& options)
      : problem_(problem), options_(options), random_(options.seed), state_(problem, start) {
    reference_ = static_cast<double>(std::max<std::int64_t>(1, largest()));
    for (const std::int64_t ticks : state_.ticks()) powers_.push_back(power_of(ticks));
    best_ = state_.placement();
    best_ticks_ = largest();
    recount();
  }

  LoadAnnealingResult run() && {
    const double cooling = std::log(options_.last_temperature / options_.first_temperature);
    const auto enough = static_cast<std::int64_t>(options_.enough_s * (1.0 + 1e-9) / state_.seconds_per_tick());
    double temperature = options_.first_temperature;
    for (std::int64_t step = 0; step < options_.steps && best_ticks_ > enough; ++step) {
      if (step % kStepsBetweenStops == 0) {
        if (options_.stop()) break;
        recount();
        const double share = static_cast<double>(step) / static_cast<double>(options_.steps);
        const double done = std::clamp(options_.done(), share, 1.0);
        temperature = options_.first_temperature * std::exp(cooling * done);
      }
      propose(temperature * energy_);
    }
    const double seconds = max_load(problem_, best_);
    return {std::move(best_), seconds};
  }

 private:
  [[nodiscard]] double power_of(std::int64_t ticks) const { return power16(static_cast<double>(ticks) / reference_); }
  [[nodiscard]] std::int64_t largest() const { return *std::max_element(state_.ticks().begin(), state_.ticks().end()); }

  // Rounding must not gather in the running sum.
  void recount() {
    sum_ = 0.0;
    for (std::size_t d = 0; d < powers_.size(); ++d) sum_ += powers_[d] = power_of(state_.ticks()[d]);
    energy_ = root16(sum_);
  }

  [[nodiscard]] std::int32_t some_device(std::int32_t unit) {
    const std::vector<std::int32_t>& near = state_.neighbours_of(unit);
    if (!near.empty() && random_.coin()) return state_.device_of(near[random_.below(near.size())]);
    return static_cast<std::int32_t>(random_.below(problem_.devices()));
  }

  [[nodiscard]] double sum_after(std::int32_t unit, std::int32_t device) {
    double sum = sum_;
    for (const LoadState::Change& change : state_.changes(unit, device)) {
      const std::size_t d = at(change.device);
      sum += power_of(state_.ticks()[d] + change.ticks) - powers_[d];
    }
    return std::max(sum, 0.0);
  }

  void take(std::int32_t unit, std::int32_t device) {
    for (const LoadState::Change& change : state_.changes(unit, device)) {
      const std::size_t d = at(change.device);
      powers_[d] = power_of(state_.ticks()[d] + change.ticks);
    }
    state_.move(unit, device);
    sum_ = 0.0;
    for (const double power : powers_) sum_ += power;
    energy_ = root16(sum_);
  }

  [[nodiscard]] bool accepts(double before, double after, double heat) {
    return after <= before || (heat > 0.0 && random_.unit() < std::exp((before - after) / heat));
  }

  // As accepts(), of a sum of powers that has grown: one random number says how far the energy may go.
  [[nodiscard]] bool accepts_rise(double sum, double heat) {
    if (heat <= 0.0 || sum > power16(energy_ + kMostHeats * heat)) return false;
    return sum < power16(energy_ - heat * std::log(1.0 - random_.unit()));
  }

  void remember() {
    if (const std::int64_t ticks = largest(); ticks < best_ticks_) {
      best_ticks_ = ticks;
      best_ = state_.placement();
    }
  }

  void propose(double heat) {
    const auto unit = static_cast<std::int32_t>(random_.below(problem_.units()));
    const std::int32_t device = some_device(unit);
    const std::int32_t from = state_.device_of(unit);
    if (device == from) return;
    const auto kind = random_.below(kKinds);
    if (kind < kSwaps) return propose_swap(unit, device, heat);
    if (kind < kSwaps + kGroups) return propose_group(unit, device, heat);
    if (!state_.may_move(unit, device)) return;
    if (const double after = sum_after(unit, device); after > sum_ && !accepts_rise(after, heat)) return;
    take(unit, device);
    remember();
  }

  // The unit goes to the device, and some unit of that device takes its place.
  void propose_swap(std::int32_t unit, std::int32_t device, double heat) {
    const std::int32_t from = state_.device_of(unit);
    std::int32_t other = -1;
    for (std::int32_t tries = 0; tries < 8 && other < 0; ++tries) {
      const auto candidate = static_cast<std::int32_t>(random_.below(problem_.units()));
      if (state_.device_of(candidate) == device) other = candidate;
    }
    if (other < 0) return;
    const double before = energy_;
    if (!state_.may_move(unit, device)) return;
    take(unit, device);
    if (state_.may_move(other, from)) {
      take(other, from);
      if (accepts(before, energy_, heat)) {
        remember();
        return;
      }
      take(other, device);
    }
    take(unit, from);
  }

  // The unit goes to the device with some that it is tied to: a single one would have to pay for its tensors in
  // between.
  void propose_group(std::int32_t unit, std::int32_t device, double heat) {
    const std::int32_t from = state_.device_of(unit);
    gather(unit, 2 + random_.below(kMostTogether - 1));
    const double before = energy_;
    std::size_t moved = 0;
    while (moved < group_.size() && state_.may_move(group_[moved], device)) take(group_[moved++], device);
    if (moved == group_.size() && accepts(before, energy_, heat)) return remember();
    while (moved > 0) take(group_[--moved], from);
  }

  // The unit and up to `size` − 1 more of its device, each joined by a tensor to one before it.
  void gather(std::int32_t unit, std::size_t size) {
    group_.assign(1, unit);
    for (std::size_t tries = 2 * size; tries > 0 && group_.size() < size; --tries) {
      const auto& near = state_.neighbours_of(group_[random_.below(group_.size())]);
      if (near.empty()) continue;
      const std::int32_t next = near[random_.below(near.size())];
      if (state_.device_of(next) != state_.device_of(unit)) continue;
      if (std::find(group_.begin(), group_.end(), next) == group_.end()) group_.push_back(next);
    }
  }

  const LoadProblem& problem_;
  const LoadAnnealingOptions& options_;
  RandomSource random_;
  LoadState state_;
  double reference_ = 1.0;
  std::vector<double> powers_;  // of the load of every device
  double sum_ = 0.0;
  double energy_ = 0.0;
  std::vector<std::int32_t> group_;
  LoadPlacement best_;
  std::int64_t best_ticks_ = 0;
};

}  // namespace

LoadAnnealingResult anneal_load(const LoadProblem& problem, const LoadPlacement& start,
                                const LoadAnnealingOptions& options) {
  return Annealing(problem, start, options).run();
}

}  // namespace mp::partition
