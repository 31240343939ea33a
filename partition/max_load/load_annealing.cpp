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
        const double done = static_cast<double>(step) / static_cast<double>(options_.steps);
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
    if (random_.below(4) == 0) {
      propose_swap(unit, device, heat);
      return;
    }
    if (!state_.may_move(unit, device)) return;
    if (!accepts(energy_, root16(sum_after(unit, device)), heat)) return;
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

  const LoadProblem& problem_;
  const LoadAnnealingOptions& options_;
  RandomSource random_;
  LoadState state_;
  double reference_ = 1.0;
  std::vector<double> powers_;  // of the load of every device
  double sum_ = 0.0;
  double energy_ = 0.0;
  LoadPlacement best_;
  std::int64_t best_ticks_ = 0;
};

}  // namespace

LoadAnnealingResult anneal_load(const LoadProblem& problem, const LoadPlacement& start,
                                const LoadAnnealingOptions& options) {
  return Annealing(problem, start, options).run();
}

}  // namespace mp::partition
