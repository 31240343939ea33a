#include "partition/max_load/placement_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "partition/max_load/work_bound.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kStepsBetweenStops = 4096;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

LoadProblem with_sends(const LoadProblem& problem, const std::vector<double>& sends_s) {
  LoadProblem work;
  work.classes = problem.classes;
  work.class_of = problem.class_of;
  work.seconds = problem.seconds;
  work.bytes = problem.bytes;
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    if (!problem.classes[c].pays_transfers) continue;
    for (std::size_t unit = 0; unit < problem.units(); ++unit) work.seconds[c][unit] += sends_s[unit];
  }
  return work;
}

class Placing {
 public:
  Placing(const LoadProblem& problem, double limit, const std::vector<double>& sends_s,
          const PlacementSearchEffort& effort)
      : problem_(problem),
        limit_(limit),
        effort_(effort),
        work_(with_sends(problem, sends_s)),
        touching_(problem.units()),
        placement_(problem.units(), -1),
        loads_(problem.devices(), 0.0),
        bytes_(problem.devices(), 0),
        used_(problem.devices(), 0),
        received_(problem.tensors.size() * problem.devices(), 0),
        sent_(problem.tensors.size(), 0) {
    for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
      touching_[at(problem.tensors[t].producer)].push_back(t);
      for (const std::int32_t reader : problem.tensors[t].readers) touching_[at(reader)].push_back(t);
    }
    const std::vector<std::int32_t> counts = problem.counts();
    const std::size_t all = work_.set_of(counts);
    for (const std::int32_t c : problem.class_of) {
      std::vector<std::int32_t> one(counts.size(), 0);
      one[at(c)] = 1;
      rates_.push_back(work_.offer(all, one));
    }
    settle_order();
    left_.assign(order_.size() + 1, 0.0);
    for (std::size_t i = order_.size(); i-- > 0;) left_[i] = left_[i + 1] + work_.price(all, at(order_[i]));
  }

  bool none() { return place(0) == Outcome::kNone; }

 private:
  enum class Outcome : std::uint8_t { kNone, kFound, kGivenUp };

  // The unit that weighs most, then again and again the one that exchanges most seconds with those before it.
  void settle_order() {
    std::vector<double> pull(problem_.units(), 0.0);
    for (std::size_t unit = 0; unit < pull.size(); ++unit) {
      const double seconds = problem_.seconds[0][unit];
      pull[unit] = 1e-6 * (std::isfinite(seconds) ? seconds : 0.0);
    }
    std::vector<bool> taken(problem_.units(), false);
    while (order_.size() < problem_.units()) {
      std::size_t next = problem_.units();
      for (std::size_t unit = 0; unit < pull.size(); ++unit) {
        if (!taken[unit] && (next == problem_.units() || pull[unit] > pull[next])) next = unit;
      }
      taken[next] = true;
      order_.push_back(static_cast<std::int32_t>(next));
      for (const std::size_t t : touching_[next]) {
        const LoadTensor& tensor = problem_.tensors[t];
        pull[at(tensor.producer)] += tensor.transfer_s;
        for (const std::int32_t reader : tensor.readers) pull[at(reader)] += tensor.transfer_s;
      }
    }
  }

  Outcome place(std::size_t depth) {
    if (depth == order_.size()) return Outcome::kFound;
    if (++steps_ > effort_.steps || (steps_ % kStepsBetweenStops == 0 && effort_.stop())) return Outcome::kGivenUp;
    const std::int32_t unit = order_[depth];
    std::vector<bool> empty_tried(problem_.classes.size(), false);
    for (std::size_t d = 0; d < problem_.devices(); ++d) {
      const std::size_t c = at(problem_.class_of[d]);
      if (!may_be(at(unit), d)) continue;
      if (used_[d] == 0 && problem_.fixed.empty()) {
        if (empty_tried[c]) continue;
        empty_tried[c] = true;
      }
      const std::vector<double> before = loads_;
      put(unit, d);
      const Outcome outcome = is_hopeless(depth + 1) ? Outcome::kNone : place(depth + 1);
      take_back(unit, d);
      loads_ = before;
      if (outcome != Outcome::kNone) return outcome;
    }
    return Outcome::kNone;
  }

  [[nodiscard]] bool may_be(std::size_t unit, std::size_t d) const {
    const std::size_t c = at(problem_.class_of[d]);
    const std::int32_t fixed = problem_.fixed_device(unit);
    if (fixed >= 0 && at(fixed) != d) return false;
    if (!(problem_.seconds[c][unit] < limit_)) return false;
    const std::int64_t memory = problem_.classes[c].memory_bytes;
    return memory == 0 || bytes_[d] + problem_.bytes[unit] <= memory;
  }

  [[nodiscard]] bool is_hopeless(std::size_t depth) const {
    double offered = 0.0;
    for (std::size_t d = 0; d < loads_.size(); ++d) {
      if (loads_[d] >= limit_) return true;
      offered += rates_[d] * (limit_ - loads_[d]);
    }
    return left_[depth] > offered * (1.0 + 1e-9);
  }

  void pay(std::size_t d, double seconds) {
    if (problem_.classes[at(problem_.class_of[d])].pays_transfers) loads_[d] += seconds;
  }

  // Between the producer and a reader that are both placed, on two devices.
  void count_move(std::size_t t, std::size_t home, std::size_t there) {
    const double seconds = problem_.tensors[t].transfer_s;
    if (received_[t * loads_.size() + there]++ == 0) pay(there, seconds);
    if (sent_[t]++ == 0) pay(home, seconds);
  }

  template <class Visit>
  void for_each_move(std::int32_t unit, std::size_t d, Visit visit) const {
    for (const std::size_t t : touching_[at(unit)]) {
      const LoadTensor& tensor = problem_.tensors[t];
      if (tensor.producer == unit) {
        for (const std::int32_t reader : tensor.readers) {
          const std::int32_t there = placement_[at(reader)];
          if (there >= 0 && at(there) != d) visit(t, d, at(there));
        }
      } else if (const std::int32_t home = placement_[at(tensor.producer)]; home >= 0 && at(home) != d) {
        visit(t, at(home), d);
      }
    }
  }

  void put(std::int32_t unit, std::size_t d) {
    placement_[at(unit)] = static_cast<std::int32_t>(d);
    ++used_[d];
    bytes_[d] += problem_.bytes[at(unit)];
    loads_[d] += problem_.seconds[at(problem_.class_of[d])][at(unit)];
    for_each_move(unit, d, [this](std::size_t t, std::size_t home, std::size_t there) { count_move(t, home, there); });
  }

  // But for the loads, which the caller has kept.
  void take_back(std::int32_t unit, std::size_t d) {
    for_each_move(unit, d, [this](std::size_t t, std::size_t, std::size_t there) {
      --received_[t * loads_.size() + there];
      --sent_[t];
    });
    bytes_[d] -= problem_.bytes[at(unit)];
    --used_[d];
    placement_[at(unit)] = -1;
  }

  const LoadProblem& problem_;
  const double limit_;
  const PlacementSearchEffort& effort_;
  WorkBound work_;
  std::vector<double> rates_;                       // by device: what a second of it is worth
  std::vector<std::vector<std::size_t>> touching_;  // tensors of every unit
  std::vector<std::int32_t> order_;
  std::vector<double> left_;  // price of the units from this place of the order on
  std::vector<std::int32_t> placement_;
  std::vector<double> loads_;
  std::vector<std::int64_t> bytes_;
  std::vector<std::int32_t> used_;      // units on each device
  std::vector<std::int32_t> received_;  // tensors × devices: readers away from the producer
  std::vector<std::int32_t> sent_;      // of every tensor, over all devices
  std::int64_t steps_ = 0;
};

}  // namespace

bool no_placement_below(const LoadProblem& problem, double limit, const std::vector<double>& sends_s,
                        const PlacementSearchEffort& effort) {
  return Placing(problem, limit, sends_s, effort).none();
}

}  // namespace mp::partition
