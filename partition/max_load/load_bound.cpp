#include "partition/max_load/load_bound.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "partition/max_load/work_bound.hpp"

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kBisections = 40;
constexpr int kMaxRounds = 200;
constexpr double kRounding = 1e-12;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// One round of conclusions from "every load is below the limit".
class Conclusions {
 public:
  Conclusions(const LoadProblem& problem, double limit)
      : problem_(problem), limit_(limit * (1.0 - kRounding)), touching_(problem.units()) {
    for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
      touching_[at(problem.tensors[t].producer)].push_back(static_cast<std::int32_t>(t));
      for (const std::int32_t reader : problem.tensors[t].readers) {
        touching_[at(reader)].push_back(static_cast<std::int32_t>(t));
      }
    }
    for (std::size_t unit = 0; unit < problem.units(); ++unit) weigh(static_cast<std::int32_t>(unit));
  }

  // A unit of every group that must share a device with this one; itself where nothing follows.
  [[nodiscard]] std::vector<std::int32_t> leaders() const {
    std::vector<std::int32_t> leader(problem_.units());
    std::iota(leader.begin(), leader.end(), 0);
    const auto find = [&](std::int32_t unit) {
      while (leader[at(unit)] != unit) unit = leader[at(unit)] = leader[at(leader[at(unit)])];
      return unit;
    };
    for (const LoadTensor& tensor : problem_.tensors) {
      for (const std::int32_t reader : tensor.readers) {
        if (can_part(tensor.producer, reader, tensor)) continue;
        const std::int32_t a = find(tensor.producer);
        const std::int32_t b = find(reader);
        leader[at(std::max(a, b))] = std::min(a, b);
      }
    }
    for (std::size_t unit = 0; unit < leader.size(); ++unit) leader[unit] = find(static_cast<std::int32_t>(unit));
    return leader;
  }

  [[nodiscard]] bool contradict() const {
    for (std::size_t unit = 0; unit < problem_.units(); ++unit) {
      bool placed = false;
      for (std::size_t c = 0; c < problem_.classes.size(); ++c) placed = placed || fits(unit, c);
      if (!placed) return true;
    }
    return too_much_work() || too_many_heavy();
  }

 private:
  // The least a device of the class is loaded with when the unit is there.
  [[nodiscard]] double& least(std::size_t unit, std::size_t c) { return least_[unit * problem_.classes.size() + c]; }
  [[nodiscard]] double least(std::size_t unit, std::size_t c) const {
    return least_[unit * problem_.classes.size() + c];
  }
  [[nodiscard]] bool fits(std::size_t unit, std::size_t c) const { return least(unit, c) < limit_; }

  // Whether both could be on one device of some class.
  [[nodiscard]] bool can_share(std::int32_t a, std::int32_t b) const {
    for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
      const std::int64_t memory = problem_.classes[c].memory_bytes;
      if (memory > 0 && problem_.bytes[at(a)] + problem_.bytes[at(b)] > memory) continue;
      if (problem_.seconds[c][at(a)] + problem_.seconds[c][at(b)] < limit_) return true;
    }
    return false;
  }

  void weigh(std::int32_t unit) {
    if (least_.empty()) least_.assign(problem_.units() * problem_.classes.size(), kInfinity);
    double unavoidable_s = 0.0;
    for (const std::int32_t t : touching_[at(unit)]) {
      const LoadTensor& tensor = problem_.tensors[at(t)];
      bool apart = false;
      if (tensor.producer == unit) {
        apart = std::any_of(tensor.readers.begin(), tensor.readers.end(),
                            [&](std::int32_t reader) { return !can_share(unit, reader); });
      } else {
        apart = !can_share(unit, tensor.producer);
      }
      if (apart) unavoidable_s += tensor.transfer_s;
    }
    for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
      const std::int64_t memory = problem_.classes[c].memory_bytes;
      if (memory > 0 && problem_.bytes[at(unit)] > memory) continue;
      least(at(unit), c) = problem_.seconds[c][at(unit)] + (problem_.classes[c].pays_transfers ? unavoidable_s : 0.0);
    }
  }

  // Whether the tensor's producer and a reader of it could be on two devices.
  [[nodiscard]] bool can_part(std::int32_t producer, std::int32_t reader, const LoadTensor& tensor) const {
    return can_pay(producer, reader, tensor) && can_pay(reader, producer, tensor);
  }

  // Whether some class has room for the unit and the transfer, if it is not among what the unit pays anyway.
  [[nodiscard]] bool can_pay(std::int32_t unit, std::int32_t other, const LoadTensor& tensor) const {
    const double transfer_s = can_share(unit, other) ? tensor.transfer_s : 0.0;
    for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
      const double paid = problem_.classes[c].pays_transfers ? transfer_s : 0.0;
      if (least(at(unit), c) + paid < limit_) return true;
    }
    return false;
  }

  [[nodiscard]] bool too_much_work() const {
    LoadProblem allowed;
    allowed.classes = problem_.classes;
    allowed.class_of = problem_.class_of;
    allowed.seconds = problem_.seconds;
    allowed.bytes = problem_.bytes;
    for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
      for (std::size_t unit = 0; unit < problem_.units(); ++unit) {
        if (!fits(unit, c)) allowed.seconds[c][unit] = kInfinity;
      }
    }
    return WorkBound(allowed).seconds() >= limit_;
  }

  // Units no two of which can share a device, greedily, the heaviest first.
  [[nodiscard]] bool too_many_heavy() const {
    std::vector<std::int32_t> order(problem_.units());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return problem_.seconds[0][at(a)] > problem_.seconds[0][at(b)];
    });
    std::vector<std::int32_t> apart;
    for (const std::int32_t unit : order) {
      if (std::any_of(apart.begin(), apart.end(), [&](std::int32_t other) { return can_share(unit, other); })) continue;
      apart.push_back(unit);
      if (apart.size() > problem_.devices()) return true;
    }
    return false;
  }

  const LoadProblem& problem_;
  const double limit_;
  std::vector<std::vector<std::int32_t>> touching_;  // tensors that each unit makes or reads
  std::vector<double> least_;
};

}  // namespace

bool refutes_load_below(const LoadProblem& problem, double limit) {
  LoadProblem current = problem;
  for (int round = 0; round < kMaxRounds; ++round) {
    const Conclusions conclusions(current, limit);
    if (conclusions.contradict()) return true;
    const std::vector<std::int32_t> leader = conclusions.leaders();
    std::vector<std::int32_t> group(leader.size(), -1);
    std::int32_t groups = 0;
    for (std::size_t unit = 0; unit < leader.size(); ++unit) {
      group[unit] = at(leader[unit]) == unit ? groups++ : group[at(leader[unit])];
    }
    if (at(groups) == leader.size()) return false;
    current = merge_units(current, group, groups);
  }
  return false;
}

double load_lower_bound(const LoadProblem& problem, double above_s, const std::function<bool()>& stop) {
  double low = std::min(above_s, WorkBound(problem).seconds());
  if (!std::isfinite(above_s) || stop()) return low;
  if (refutes_load_below(problem, above_s)) return above_s;
  double high = above_s;
  for (int i = 0; i < kBisections && high - low > 1e-9 * high && !stop(); ++i) {
    const double middle = 0.5 * (low + high);
    (refutes_load_below(problem, middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace mp::partition
