#include "partition/max_load/load_annealing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/load_state.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kStepsBetweenStops = 4096;
constexpr double kMostHeats = 20.0;  // a rise by more is as good as never taken: one in e²⁰

// Of kKinds proposals so many are swaps, moves of groups and trades of groups; the rest are moves of one unit.
constexpr std::uint64_t kKinds = 16;
constexpr std::uint64_t kSwaps = 2;
constexpr std::uint64_t kGroups = 2;
constexpr std::uint64_t kTrades = 4;
constexpr std::uint64_t kMostTogether = 6;  // units in a group that moves
constexpr std::uint64_t kMostTraded = 12;   // units in a group that is traded
constexpr std::int64_t kTradesDiffer = 50;  // by the load over this at most
constexpr std::size_t kTriesToMatch = 40;

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
    powers_.resize(problem.devices());
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

  void recount() {
    for (std::size_t d = 0; d < powers_.size(); ++d) refresh(static_cast<std::int32_t>(d));
    add_up();
  }

  [[nodiscard]] std::int32_t some_device(std::int32_t unit) {
    const std::vector<std::int32_t>& near = state_.neighbours_of(unit);
    if (!near.empty() && random_.coin()) return state_.device_of(near[random_.below(near.size())]);
    return static_cast<std::int32_t>(random_.below(problem_.devices()));
  }

  void refresh(std::int32_t device) { powers_[at(device)] = power_of(state_.ticks()[at(device)]); }

  void take(std::int32_t unit, std::int32_t device) {
    const std::int32_t from = state_.device_of(unit);
    state_.move(unit, device);
    refresh(from);
    refresh(device);
    add_up();
  }

  void add_up() {
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
    if (device == state_.device_of(unit)) return;
    const auto kind = random_.below(kKinds);
    if (kind < kSwaps) return propose_swap(unit, device, heat);
    if (kind < kSwaps + kGroups) return propose_group(unit, device, heat);
    if (kind < kSwaps + kGroups + kTrades) return propose_trade(unit, device, heat);
    propose_move(unit, device, heat);
  }

  void propose_move(std::int32_t unit, std::int32_t device, double heat) {
    if (!state_.may_move(unit, device)) return;
    const std::size_t from = at(state_.device_of(unit));
    const std::size_t to = at(device);
    const LoadState::Change change = state_.change(unit, device);
    const double after = sum_ + (power_of(state_.ticks()[from] + change.from_ticks) - powers_[from]) +
                         (power_of(state_.ticks()[to] + change.to_ticks) - powers_[to]);
    if (after > sum_ && !accepts_rise(after, heat)) return;
    take(unit, device);
    remember();
  }

  // A unit of the device, or −1 where none was met.
  [[nodiscard]] std::int32_t some_unit_of(std::int32_t device) {
    for (std::int32_t tries = 0; tries < 8; ++tries) {
      const auto candidate = static_cast<std::int32_t>(random_.below(problem_.units()));
      if (state_.device_of(candidate) == device) return candidate;
    }
    return -1;
  }

  // The unit goes to the device, and some unit of that device takes its place.
  void propose_swap(std::int32_t unit, std::int32_t device, double heat) {
    const std::int32_t other = some_unit_of(device);
    if (other < 0) return;
    group_.assign(1, unit);
    back_.assign(1, other);
    exchange(device, heat);
  }

  // The unit goes to the device with some that it is tied to: a single one would have to pay for its tensors in
  // between.
  void propose_group(std::int32_t unit, std::int32_t device, double heat) {
    gather(unit, 2 + random_.below(kMostTogether - 1));
    back_.clear();
    exchange(device, heat);
  }

  // A group goes to the device, and one with about as much work comes back. That changes where tensors are cut and
  // leaves the balance as it is, which moves would have to lose in between.
  void propose_trade(std::int32_t unit, std::int32_t device, double heat) {
    const std::int32_t from = state_.device_of(unit);
    gather(unit, 1 + random_.below(kMostTraded));
    const std::int32_t other = some_unit_of(device);
    if (other < 0 || state_.compute_ticks(other, from) < 0) return;
    std::int64_t wanted = 0;
    for (const std::int32_t member : group_) wanted += state_.compute_ticks(member, from);
    const std::int64_t found = match(other, from, wanted);
    if (std::abs(found - wanted) > best_ticks_ / kTradesDiffer) return;
    exchange(device, heat);
  }

  // Gathers a group around the unit that takes about so long on the other device; returns how long.
  [[nodiscard]] std::int64_t match(std::int32_t unit, std::int32_t device, std::int64_t wanted) {
    back_.assign(1, unit);
    std::int64_t ticks = state_.compute_ticks(unit, device);
    for (std::size_t tries = 0; tries < kTriesToMatch && ticks < wanted; ++tries) {
      const auto& near = state_.neighbours_of(back_[random_.below(back_.size())]);
      if (near.empty()) continue;
      const std::int32_t next = near[random_.below(near.size())];
      if (state_.device_of(next) != state_.device_of(unit)) continue;
      const std::int64_t more = state_.compute_ticks(next, device);
      if (more < 0 || std::abs(ticks + more - wanted) > std::abs(ticks - wanted)) continue;
      if (std::find(back_.begin(), back_.end(), next) != back_.end()) continue;
      back_.push_back(next);
      ticks += more;
    }
    return ticks;
  }

  // group_ goes to the device and back_ comes from there, if heat allows.
  void exchange(std::int32_t device, double heat) {
    const std::int32_t from = state_.device_of(group_.front());
    const double before = energy_;
    std::size_t moved = 0;
    std::size_t returned = 0;
    while (moved < group_.size() && state_.may_move(group_[moved], device)) state_.move(group_[moved++], device);
    if (moved == group_.size()) {
      while (returned < back_.size() && state_.may_move(back_[returned], from)) state_.move(back_[returned++], from);
    }
    refresh(from);
    refresh(device);
    add_up();
    if (moved == group_.size() && returned == back_.size() && accepts(before, energy_, heat)) return remember();
    while (returned > 0) state_.move(back_[--returned], device);
    while (moved > 0) state_.move(group_[--moved], from);
    refresh(from);
    refresh(device);
    add_up();
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
  std::vector<std::int32_t> group_;  // to go
  std::vector<std::int32_t> back_;   // to come
  LoadPlacement best_;
  std::int64_t best_ticks_ = 0;
};

}  // namespace

LoadAnnealingResult anneal_load(const LoadProblem& problem, const LoadPlacement& start,
                                const LoadAnnealingOptions& options) {
  return Annealing(problem, start, options).run();
}

}  // namespace mp::partition
