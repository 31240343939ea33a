#include "partition/search/stage_orders.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "partition/max_load/contiguous.hpp"
#include "partition/max_load/model_loads.hpp"
#include "partition/max_load/order_groups.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kMostUnits = 2000;
constexpr std::size_t kMostBytes = std::size_t{24} << 20;  // of memory for the ideals: some 10⁴ of them
constexpr std::int64_t kMostStops = 500;                   // times that the searches ask whether to go on
constexpr double kWorthIt = 1.0 - 1e-3;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

std::vector<std::int32_t> numbers_of(const std::vector<UnitId>& units) {
  std::vector<std::int32_t> numbers;
  for (const UnitId unit : units) numbers.push_back(static_cast<std::int32_t>(unit));
  return numbers;
}

// Position of every device along the pipeline.
std::vector<std::size_t> ranks_of(const LoadProblem& problem, const LoadPlacement& placement) {
  UnitOrder between;
  for (const auto& [a, b] : problem.order) {
    if (placement[at(a)] != placement[at(b)]) between.emplace_back(placement[at(a)], placement[at(b)]);
  }
  const std::vector<std::int32_t> along = linear_order(problem.devices(), between, Traversal::kBreadth);
  std::vector<std::size_t> ranks(problem.devices(), 0);
  for (std::size_t rank = 0; rank < along.size(); ++rank) ranks[at(along[rank])] = rank;
  return ranks;
}

bool keeps(const UnitOrder& order, const std::vector<std::int32_t>& units) {
  std::vector<std::size_t> place(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) place[at(units[i])] = i;
  return std::all_of(order.begin(), order.end(),
                     [&](const auto& pair) { return place[at(pair.first)] < place[at(pair.second)]; });
}

StageOrder order_of(const TrainingGraph& training, const PlacementUnits& units, const LoadProblem& problem,
                    const LoadPlacement& placement, const std::vector<DeviceId>& devices) {
  const std::vector<std::size_t> rank = ranks_of(problem, placement);
  const auto rank_of = [&](UnitId unit) { return rank[at(placement[index(unit)])]; };
  StageOrder order{.stages = problem.devices(), .units = units_in_model_order(units), .placement = {}};
  std::stable_sort(order.units.begin(), order.units.end(), [&](UnitId a, UnitId b) { return rank_of(a) < rank_of(b); });
  for (const NodeId node : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    order.placement.push_back(devices[at(placement[index(units.unit_of[node])])]);
  }
  return order;
}

}  // namespace

std::vector<StageOrder> stage_orders(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                                     const std::vector<DeviceId>& devices, std::size_t most_stages) {
  std::vector<StageOrder> orders;
  const std::vector<UnitId> in_file = units_in_model_order(units);
  if (in_file.size() > kMostUnits || devices.size() < 2) return orders;
  LoadProblem problem = load_problem_of(training, units, cluster);
  if (!problem.fixed.empty() || !keeps(problem.order, numbers_of(in_file))) return orders;
  std::int64_t asked = 0;  // a measure of work that is the same on every machine
  const ContiguousOptions options{.max_bytes = kMostBytes, .stop = [&asked] { return ++asked > kMostStops; }};
  problem.class_of = {cluster.devices[devices.front()].type};
  for (std::size_t stages = 2; stages <= std::min(most_stages, devices.size()) && asked < kMostStops; ++stages) {
    problem.class_of.push_back(cluster.devices[devices[stages - 1]].type);
    const double along_file_s = best_along(problem, numbers_of(in_file), options).seconds;
    const ContiguousResult best = best_contiguous(problem, options);
    if (!best.placement || !(best.seconds < along_file_s * kWorthIt)) continue;
    orders.push_back(order_of(training, units, problem, *best.placement, devices));
  }
  return orders;
}

}  // namespace mp::partition
