#include "partition/max_load/device_sets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace mp::partition {
namespace {

constexpr std::size_t kMostLabels = std::size_t{8} << 20;  // 192 MiB

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

constexpr char kNone = 'n';
constexpr char kAll = 'a';
constexpr char kSome = 's';

// One letter for every net that is open: kNone, kAll or kSome of its units were taken.
using State = std::string;

// States along the order, and what leads from one to the next.
class StateWalk {
 public:
  StateWalk(const std::vector<double>& seconds, std::span<const LoadNet> nets)
      : seconds_(seconds), nets_(nets), nets_of_(seconds.size()), left_(nets.size()) {
    for (std::size_t n = 0; n < nets.size(); ++n) {
      left_[n] = nets[n].units.size();
      for (const std::int32_t unit : nets[n].units) nets_of_[at(unit)].push_back(static_cast<std::int32_t>(n));
    }
    states_ = {State()};
  }

  // Arcs into every state after the unit.
  std::vector<std::vector<DeviceSets::Arc>> pass(std::int32_t unit) {
    open(unit);
    std::map<State, std::vector<DeviceSets::Arc>> reached;
    for (std::size_t s = 0; s < states_.size(); ++s) {
      for (const bool takes : {false, true}) {
        if (takes && !std::isfinite(seconds_[at(unit)])) continue;
        State state = states_[s];
        double seconds = takes ? seconds_[at(unit)] : 0.0;
        for (const std::int32_t n : nets_of_[at(unit)]) {
          char& letter = state[place_of(n)];
          const char then = takes ? kAll : kNone;
          if (letter != '?' && letter != kSome && letter != then) seconds += nets_[at(n)].transfer_s;
          letter = letter == '?' || letter == then ? then : kSome;
        }
        reached[without_closed(state)].push_back({static_cast<std::int32_t>(s), takes, seconds});
      }
    }
    close();
    states_.clear();
    std::vector<std::vector<DeviceSets::Arc>> arcs;
    for (auto& [state, into] : reached) {
      states_.push_back(state);
      arcs.push_back(std::move(into));
    }
    return arcs;
  }

 private:
  void open(std::int32_t unit) {
    for (const std::int32_t n : nets_of_[at(unit)]) {
      if (left_[at(n)]-- < nets_[at(n)].units.size()) continue;
      open_.push_back(n);
      for (State& state : states_) state.push_back('?');
    }
  }

  [[nodiscard]] std::size_t place_of(std::int32_t net) const {
    return static_cast<std::size_t>(std::find(open_.begin(), open_.end(), net) - open_.begin());
  }

  [[nodiscard]] State without_closed(const State& state) const {
    State kept;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (left_[at(open_[i])] > 0) kept.push_back(state[i]);
    }
    return kept;
  }

  void close() {
    std::erase_if(open_, [&](std::int32_t n) { return left_[at(n)] == 0; });
  }

  const std::vector<double>& seconds_;
  std::span<const LoadNet> nets_;
  std::vector<std::vector<std::int32_t>> nets_of_;
  std::vector<std::size_t> left_;  // units of every net that are ahead
  std::vector<std::int32_t> open_;
  std::vector<State> states_;
};

}  // namespace

std::optional<DeviceSets> DeviceSets::make(std::vector<double> seconds, std::span<const LoadNet> nets,
                                           const std::vector<std::int32_t>& order, std::size_t max_states) {
  DeviceSets result;
  StateWalk walk(seconds, nets);
  for (const std::int32_t unit : order) {
    const std::vector<std::vector<Arc>> into = walk.pass(unit);
    if (into.size() > max_states) return std::nullopt;
    Step step{.unit = unit, .first = {0}, .arcs = {}};
    for (const std::vector<Arc>& arcs : into) {
      step.arcs.insert(step.arcs.end(), arcs.begin(), arcs.end());
      step.first.push_back(static_cast<std::int32_t>(step.arcs.size()));
    }
    result.steps_.push_back(std::move(step));
  }
  return result;
}

// Labels of all heads in the order of their seconds; kept are those dearer than all before them.
void DeviceSets::merge(double limit) {
  std::int32_t dearest = std::numeric_limits<std::int32_t>::min();
  for (Head& head : heads_) head.now = head.seconds + labels_[at(head.label)].seconds;
  for (;;) {
    Head* next = nullptr;
    double least = limit;
    for (Head& head : heads_) {
      if (head.now >= least) continue;
      least = head.now;
      next = &head;
    }
    if (next == nullptr) return;
    const std::int32_t price = labels_[at(next->label)].price + next->price;
    if (price > dearest) {
      labels_.push_back({.seconds = least, .price = price, .parent = next->label, .takes = next->takes});
      dearest = price;
    }
    advance(*next, dearest);
  }
}

// To the next label that is dearer than what there is already.
void DeviceSets::advance(Head& head, std::int32_t dearest) const {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  do {
    ++head.label;
  } while (head.label < head.end && labels_[at(head.label)].price + head.price <= dearest);
  head.now = head.label < head.end ? head.seconds + labels_[at(head.label)].seconds : kNever;
}

std::optional<PricedSet> DeviceSets::dearest(std::span<const std::int32_t> prices, double limit,
                                             const std::vector<bool>& forbidden) {
  labels_.assign(1, {});
  std::vector<std::int32_t> begins = {0, 1};  // labels of state s: begins[s] … begins[s + 1]
  std::vector<std::int32_t> next;
  for (const Step& step : steps_) {
    next.assign(1, static_cast<std::int32_t>(labels_.size()));
    const bool may_take = forbidden.empty() || !forbidden[at(step.unit)];
    for (std::size_t s = 0; s + 1 < step.first.size(); ++s) {
      heads_.clear();
      for (std::int32_t a = step.first[s]; a < step.first[s + 1]; ++a) {
        const Arc& arc = step.arcs[at(a)];
        if ((arc.takes && !may_take) || begins[at(arc.from)] == begins[at(arc.from) + 1]) continue;
        heads_.push_back({.label = begins[at(arc.from)],
                          .end = begins[at(arc.from) + 1],
                          .seconds = arc.seconds,
                          .price = arc.takes ? prices[at(step.unit)] : 0,
                          .takes = arc.takes});
      }
      merge(limit);
      next.push_back(static_cast<std::int32_t>(labels_.size()));
    }
    begins.swap(next);
    looked_at_ += next.empty() ? 0 : begins.back() - begins.front();
    if (labels_.size() > kMostLabels) return std::nullopt;
  }
  PricedSet best;
  if (begins.back() == begins.front()) return best;  // even the empty set is too much: a limit of 0
  auto label = begins.back() - 1;  // the last state's last: at the end there is one state, its dearest label is last
  best.price = labels_[at(label)].price;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    if (labels_[at(label)].takes) best.units.push_back(steps_[i].unit);
    label = labels_[at(label)].parent;
  }
  return best;
}

}  // namespace mp::partition
