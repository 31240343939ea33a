#include "partition/max_load/load_bound.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "partition/max_load/cover_bound.hpp"
#include "partition/max_load/packing_bound.hpp"
#include "partition/max_load/placement_search.hpp"
#include "partition/max_load/work_bound.hpp"

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kBisections = 40;
constexpr int kMaxRounds = 200;
constexpr double kRounding = 1e-12;
constexpr std::size_t kMostItems = 120;  // to pack: more are so small that their work alone counts
constexpr std::int32_t kColumns = 2000;
constexpr int kCoverAttempts = 2;
constexpr std::int64_t kCoverSets = 64'000'000;
constexpr std::int64_t kCoverSetsAgain = 16'000'000;
constexpr double kCoverPrecision = 1e-5;

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

  // Whether no placement of the units is left, by trying.
  [[nodiscard]] bool none_is_left(const PackingEffort& effort) const {
    std::vector<double> sends_s(problem_.units(), 0.0);
    for (const LoadTensor& tensor : problem_.tensors) {
      if (must_move(tensor, tensor.producer)) sends_s[at(tensor.producer)] += tensor.transfer_s;
    }
    constexpr std::int64_t kStepsPerColumn = 200;
    return no_placement_below(problem_, limit_, sends_s,
                              {.steps = kStepsPerColumn * effort.columns, .stop = effort.stop});
  }

  // Whether what units take at least, alone or with their share of transfers that cannot be avoided, is too much to be
  // packed into the devices. Of what a device receives each reader counts a part, so that all readers there together
  // count no more than the device pays.
  [[nodiscard]] bool cannot_be_packed(const PackingEffort& effort) const {
    PackingProblem packing{.seconds = std::vector<std::vector<double>>(problem_.classes.size()),
                           .counts = problem_.counts()};
    for (std::size_t unit = 0; unit < problem_.units(); ++unit) {
      const double transfer_s = part_of_transfers(static_cast<std::int32_t>(unit));
      std::vector<double> seconds;
      for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
        const double paid = problem_.classes[c].pays_transfers ? transfer_s : 0.0;
        seconds.push_back(fits(unit, c) ? problem_.seconds[c][unit] + paid : kInfinity);
      }
      if (*std::min_element(seconds.begin(), seconds.end()) <= 0.0) continue;  // takes no room
      for (std::size_t c = 0; c < seconds.size(); ++c) packing.seconds[c].push_back(seconds[c]);
    }
    const std::size_t items = packing.seconds.front().size();
    return items > 0 && items <= kMostItems && cannot_pack(packing, limit_, effort);
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

  // Whether the unit sends or receives the tensor, wherever units are.
  [[nodiscard]] bool must_move(const LoadTensor& tensor, std::int32_t unit) const {
    if (tensor.producer != unit) return !can_share(unit, tensor.producer);
    return std::any_of(tensor.readers.begin(), tensor.readers.end(),
                       [&](std::int32_t reader) { return !can_share(unit, reader); });
  }

  [[nodiscard]] double part_of_transfers(std::int32_t unit) const {
    double part_s = 0.0;
    for (const std::int32_t t : touching_[at(unit)]) {
      const LoadTensor& tensor = problem_.tensors[at(t)];
      if (!must_move(tensor, unit)) continue;
      part_s +=
          tensor.producer == unit ? tensor.transfer_s : tensor.transfer_s / static_cast<double>(tensor.readers.size());
    }
    return part_s;
  }

  void weigh(std::int32_t unit) {
    if (least_.empty()) least_.assign(problem_.units() * problem_.classes.size(), kInfinity);
    double unavoidable_s = 0.0;
    for (const std::int32_t t : touching_[at(unit)]) {
      if (must_move(problem_.tensors[at(t)], unit)) unavoidable_s += problem_.tensors[at(t)].transfer_s;
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

namespace {

// The problem with units merged that must share a device if every load is below the limit; nullopt where that is
// contradicted.
std::optional<LoadProblem> merged_below(const LoadProblem& problem, double limit) {
  LoadProblem current = problem;
  for (int round = 0; round < kMaxRounds; ++round) {
    const Conclusions conclusions(current, limit);
    if (conclusions.contradict()) return std::nullopt;
    const std::vector<std::int32_t> leader = conclusions.leaders();
    std::vector<std::int32_t> group(leader.size(), -1);
    std::int32_t groups = 0;
    for (std::size_t unit = 0; unit < leader.size(); ++unit) {
      group[unit] = at(leader[unit]) == unit ? groups++ : group[at(leader[unit])];
    }
    if (at(groups) == leader.size()) break;
    current = merge_units(current, group, groups);
  }
  return current;
}

// By covering with sets. Fails at a limit tell where to try next, so that the bound is nearly what the prices prove at
// best. `low` where the tensors' graph is too wide for it.
double cover_lower_bound(const LoadProblem& problem, double low, double above_s, const std::function<bool()>& stop) {
  double target = above_s;
  for (int attempt = 0; attempt < kCoverAttempts && target - low > kCoverPrecision * above_s && !stop(); ++attempt) {
    const std::optional<LoadProblem> merged = merged_below(problem, target);
    std::optional<CoverBound> cover = merged ? CoverBound::make(*merged) : std::nullopt;
    if (merged && !cover) return low;
    const std::int64_t sets = attempt == 0 ? kCoverSets : kCoverSetsAgain;
    const double proved = merged ? cover->bound(low, target, {.sets = sets, .stop = stop}) : target;
    if (proved == above_s) return above_s;
    low = std::max(low, proved);
    target = 0.5 * (low + target);
  }
  return low;
}

}  // namespace

bool refutes_load_below(const LoadProblem& problem, double limit, const PackingEffort& effort) {
  const std::optional<LoadProblem> merged = merged_below(problem, limit);
  if (!merged) return true;
  if (effort.columns == 0) return false;
  const Conclusions conclusions(*merged, limit);
  return conclusions.cannot_be_packed(effort) || conclusions.none_is_left(effort);
}

namespace {

// The largest limit refuted between `low` and `above_s`.
double bisected(const LoadProblem& problem, double low, double above_s, double precision, const PackingEffort& effort) {
  if (refutes_load_below(problem, above_s, effort)) return above_s;
  double high = above_s;
  for (int i = 0; i < kBisections && high - low > precision * high && !effort.stop(); ++i) {
    const double middle = 0.5 * (low + high);
    (refutes_load_below(problem, middle, effort) ? low : high) = middle;
  }
  return low;
}

}  // namespace

double quick_load_bound(const LoadProblem& problem, double above_s) {
  const double work_s = std::min(above_s, WorkBound(problem).seconds());
  return std::isfinite(above_s) ? bisected(problem, work_s, above_s, 1e-9, {.columns = 0}) : work_s;
}

double load_lower_bound(const LoadProblem& problem, double above_s, const std::function<bool()>& stop) {
  const double quick_s = quick_load_bound(problem, above_s);
  if (!std::isfinite(above_s) || quick_s == above_s || stop()) return quick_s;
  const double covered_s = cover_lower_bound(problem, quick_s, above_s, stop);
  if (covered_s == above_s || stop()) return covered_s;
  return bisected(problem, covered_s, above_s, 1e-5, {.columns = kColumns, .stop = stop});
}

}  // namespace mp::partition
