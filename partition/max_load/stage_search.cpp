#include "partition/max_load/stage_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-9;  // of sums, relative: a bound must not cut off what is on its edge

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

double states_of(const LoadProblem& problem) {
  double states = 1.0;
  for (const std::int32_t count : problem.counts()) states *= count + 1.0;
  return states;
}

}  // namespace

double stage_search_bytes(const LoadProblem& problem, std::size_t ideals) {
  const auto each = states_of(problem) * (sizeof(double) + sizeof(std::int32_t) + 1.0);
  const auto sums = static_cast<double>(problem.classes.size()) * 12.0 + 32.0 +
                    std::pow(2.0, static_cast<double>(problem.classes.size())) * 8.0;
  return static_cast<double>(ideals) * (each + sums) + states_of(problem) * 64.0;
}

StageSearch::StageSearch(const LoadProblem& problem, const IdealLattice& lattice)
    : problem_(problem),
      lattice_(lattice),
      sums_(ideal_sums(problem, lattice)),
      walk_(problem, lattice, sums_),
      bound_(problem),
      counts_(problem.counts()) {
  find_states();
  price_ideals();
}

void StageSearch::find_states() {
  std::size_t states = 1;
  for (const std::int32_t count : counts_) {
    stride_.push_back(states);
    states *= at(count) + 1;
  }
  for (std::size_t state = 0; state < states; ++state) {
    std::vector<std::int32_t> used;
    std::vector<std::int32_t> left;
    for (std::size_t c = 0; c < counts_.size(); ++c) {
      used.push_back(static_cast<std::int32_t>(state / stride_[c] % (at(counts_[c]) + 1)));
      left.push_back(counts_[c] - used.back());
    }
    set_left_.push_back(bound_.set_of(left));
    offer_left_.push_back(bound_.offer(set_left_.back(), left));
    used_.push_back(std::move(used));
  }
}

void StageSearch::price_ideals() {
  priced_.assign(bound_.sets(), std::vector<double>(lattice_.size(), 0.0));
  for (std::size_t set = 1; set < bound_.sets(); ++set) {
    std::vector<double>& priced = priced_[set];
    for (std::size_t ideal = lattice_.size() - 1; ideal-- > 0;) {
      const IdealStep step = lattice_.steps[static_cast<std::size_t>(lattice_.offsets[ideal])];
      priced[ideal] = priced[at(step.ideal)] + bound_.price(set, at(step.unit));
    }
  }
}

// Not so when the units outside are too much work for the devices left, or a state with fewer devices is as good.
bool StageSearch::is_alive(std::size_t ideal, State state, double limit) const {
  const double load = least_[ideal * used_.size() + state];
  if (load >= limit) return false;
  for (std::size_t c = 0; c < counts_.size(); ++c) {
    if (used_[state][c] > 0 && least_[ideal * used_.size() + state - stride_[c]] <= load) return false;
  }
  if (ideal + 1 == lattice_.size()) return true;
  if (set_left_[state] == 0) return false;
  return priced_[set_left_[state]][ideal] <= limit * offer_left_[state] * (1.0 + kRounding);
}

void StageSearch::extend(std::size_t ideal, double limit) {
  const std::size_t states = used_.size();
  walk_.run(ideal, limit, [&](std::size_t top) {
    for (std::size_t c = 0; c < counts_.size(); ++c) {
      const double load = walk_.load(c);
      if (load >= limit) continue;
      for (const State state : alive_) {
        if (used_[state][c] == counts_[c]) continue;
        const double largest = std::max(load, least_[ideal * states + state]);
        const std::size_t to = top * states + state + stride_[c];
        if (largest >= least_[to]) continue;
        least_[to] = largest;
        from_ideal_[to] = static_cast<std::int32_t>(ideal);
        by_class_[to] = static_cast<std::uint8_t>(c);
      }
    }
  });
}

std::optional<LoadPlacement> StageSearch::below(double limit, const std::function<bool()>& stop) {
  const std::size_t states = used_.size();
  least_.assign(lattice_.size() * states, kInfinity);
  from_ideal_.assign(lattice_.size() * states, -1);
  by_class_.assign(lattice_.size() * states, 0);
  least_[0] = 0.0;
  for (std::size_t ideal = 0; ideal + 1 < lattice_.size(); ++ideal) {
    stopped_ = (ideal & 63U) == 0 && stop();
    if (stopped_) return std::nullopt;
    alive_.clear();
    for (State state = 0; state < states; ++state) {
      if (is_alive(ideal, state, limit)) alive_.push_back(state);
    }
    if (!alive_.empty()) extend(ideal, limit);
  }
  const auto last = least_.end() - static_cast<std::ptrdiff_t>(states);
  const auto best = std::min_element(last, least_.end());
  if (*best >= limit) return std::nullopt;
  return placement_to(static_cast<State>(best - last));
}

LoadPlacement StageSearch::placement_to(State state) const {
  std::vector<std::vector<std::int32_t>> devices(counts_.size());
  for (std::size_t d = problem_.devices(); d-- > 0;) {
    devices[at(problem_.class_of[d])].push_back(static_cast<std::int32_t>(d));
  }
  struct Stage {
    std::size_t base;
    std::size_t top;
    std::size_t device_class;
  };
  std::vector<Stage> stages;
  for (std::size_t ideal = lattice_.size() - 1; ideal > 0;) {
    const std::size_t entry = ideal * used_.size() + state;
    stages.push_back({at(from_ideal_[entry]), ideal, by_class_[entry]});
    ideal = stages.back().base;
    state -= stride_[stages.back().device_class];
  }
  LoadPlacement placement(problem_.units(), 0);
  for (std::size_t i = stages.size(); i-- > 0;) {
    std::vector<std::int32_t>& free = devices[stages[i].device_class];
    for (std::size_t unit = 0; unit < problem_.units(); ++unit) {
      const auto u = static_cast<std::int32_t>(unit);
      if (lattice_.contains(stages[i].top, u) && !lattice_.contains(stages[i].base, u)) placement[unit] = free.back();
    }
    free.pop_back();
  }
  return placement;
}

}  // namespace mp::partition
