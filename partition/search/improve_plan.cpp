#include "partition/search/improve_plan.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "partition/search/model_chain.hpp"

namespace mp::partition {
namespace {

using UnitDevices = IdVector<UnitId, DeviceId>;

struct Move {
  std::vector<UnitId> units;
  DeviceId to = kNone<DeviceId>;
  bool exchange = false;  // and what is on `to` goes where the units were
};

UnitDevices devices_of_units(const PlacementUnits& units, const Placement& placement) {
  UnitDevices devices;
  for (const std::vector<NodeId>& nodes : units.nodes) devices.push_back(placement[nodes.front()]);
  return devices;
}

class MoveList {
 public:
  MoveList(const PlacementUnits& units, const std::vector<UnitId>& order, const JudgedPlan& plan)
      : units_(units), order_(order), plan_(plan), device_of_(devices_of_units(units, plan.plan.placement)) {}

  // Most promising first: from the device with most work to that with least, short moves before long ones.
  std::vector<Move> run() && {
    add_single_units();
    add_runs();
    add_exchanges();
    std::stable_sort(moves_.begin(), moves_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<Move> moves;
    for (auto& [promise, move] : moves_) moves.push_back(std::move(move));
    return moves;
  }

 private:
  [[nodiscard]] double share(DeviceId d) const { return plan_.prediction.devices[index(d)].compute_share; }

  void add(Move move) {
    const DeviceId from = device_of_[move.units.front()];
    const bool movable = std::all_of(move.units.begin(), move.units.end(),
                                     [&](UnitId unit) { return !units_.pinned[unit].has_value(); });
    if (movable && from != move.to) moves_.emplace_back(share(from) - share(move.to), std::move(move));
  }

  void add_single_units() {
    std::set<std::pair<UnitId, DeviceId>> seen;
    const auto consider = [&](UnitId unit, DeviceId to) {
      if (seen.emplace(unit, to).second) add({.units = {unit}, .to = to});
    };
    for (const Flow& flow : units_.flows) {
      for (const UnitId reader : flow.readers) {
        consider(flow.from, device_of_[reader]);
        consider(reader, device_of_[flow.from]);
      }
    }
  }

  // Units along the model, up to a change of device: the next 2, 4, 8 … on either side go over to the other.
  void add_runs() {
    for (std::size_t place = 1; place < order_.size(); ++place) {
      const DeviceId left = device_of_[order_[place - 1]];
      const DeviceId right = device_of_[order_[place]];
      if (left == right) continue;
      std::vector<UnitId> run;
      for (std::size_t p = place; p-- > 0 && device_of_[order_[p]] == left;) {
        run.push_back(order_[p]);
        if (run.size() > 1 && (run.size() & (run.size() - 1)) == 0) add({.units = run, .to = right});
      }
      run.clear();
      for (std::size_t p = place; p < order_.size() && device_of_[order_[p]] == right; ++p) {
        run.push_back(order_[p]);
        if (run.size() > 1 && (run.size() & (run.size() - 1)) == 0) add({.units = run, .to = left});
      }
    }
  }

  // Leaders alone carry units; a group's other members follow their leader, so exchanging is for devices without any.
  void add_exchanges() {
    if (!plan_.plan.replicas.empty()) return;
    for (const DeviceId a : ids<DeviceId>(plan_.prediction.devices.size())) {
      std::vector<UnitId> on_a;
      for (const UnitId unit : order_) {
        if (device_of_[unit] == a) on_a.push_back(unit);
      }
      if (on_a.empty()) continue;
      for (const DeviceId b : ids<DeviceId>(plan_.prediction.devices.size())) {
        const bool twice = b < a && share(b) > 0.0;  // found from the other side
        if (a != b && !twice) add({.units = on_a, .to = b, .exchange = true});
      }
    }
  }

  const PlacementUnits& units_;
  const std::vector<UnitId>& order_;
  const JudgedPlan& plan_;
  UnitDevices device_of_;
  std::vector<std::pair<double, Move>> moves_;
};

StepPlan with_move(const StepPlan& plan, const PlacementUnits& units, const Move& move) {
  StepPlan moved = plan;
  const DeviceId from = plan.placement[units.nodes[move.units.front()].front()];
  if (move.exchange) {
    for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
      if (plan.placement[units.nodes[unit].front()] != move.to || units.pinned[unit]) continue;
      for (const NodeId n : units.nodes[unit]) moved.placement[n] = from;
    }
  }
  for (const UnitId unit : move.units) {
    for (const NodeId n : units.nodes[unit]) moved.placement[n] = move.to;
  }
  return moved;
}

}  // namespace

JudgedPlan improve_plan(StepJudge& judge, JudgedPlan start, const ImproveLimits& limits) {
  const PlacementUnits& units = judge.work(start.plan.microbatches).units;
  const std::vector<UnitId> order = units_in_model_order(units);
  const std::string name = start.plan.algorithm;
  JudgedPlan best = std::move(start);
  for (bool improved = true; improved;) {
    improved = false;
    for (const Move& move : MoveList(units, order, best).run()) {
      if (judge.instructions() >= limits.most_instructions) return best;
      if (limits.out_of_time && limits.out_of_time()) return best;
      StepPlan moved = with_move(best.plan, units, move);
      moved.algorithm = name + "+moves";
      JudgedPlan judged = judge.judge(moved);
      // Ties must not send the search in circles.
      if (std::pair(judged.bytes_over, judged.prediction.step_time_s) <
          std::pair(best.bytes_over, best.prediction.step_time_s)) {
        best = std::move(judged);
        improved = true;
        break;
      }
    }
  }
  return best;
}

}  // namespace mp::partition
