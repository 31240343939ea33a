#include "partition/model/partition_model.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/costs/costs.hpp"
#include "partition/acyclic_portfolio.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/model/device_limits.hpp"
#include "partition/model/model_graph.hpp"
#include "partition/objective_portfolio.hpp"

namespace mp::partition {
namespace {

// Mean position in the model of the units on each device; devices without any come last.
std::vector<double> mean_positions(const Assignment& assignment, const PlacementUnits& units, std::size_t devices) {
  std::vector<double> sums(devices, 0.0);
  std::vector<double> counts(devices, 0.0);
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    const std::size_t device = index(assignment[make_id<VertexId>(index(unit))]);
    for (const NodeId node : units.nodes[unit]) sums[device] += static_cast<double>(index(node));
    counts[device] += static_cast<double>(units.nodes[unit].size());
  }
  for (std::size_t d = 0; d < devices; ++d) sums[d] = counts[d] > 0.0 ? sums[d] / counts[d] : 1e300;
  return sums;
}

// Which devices may trade their blocks: same type, same host, and nothing pinned to them.
std::vector<std::vector<std::size_t>> classes_of_equals(const Cluster& cluster, const std::vector<BlockId>& fixed) {
  std::vector<std::vector<std::size_t>> classes;
  for (std::size_t d = 0; d < cluster.devices.size(); ++d) {
    if (std::find(fixed.begin(), fixed.end(), make_id<BlockId>(d)) != fixed.end()) continue;
    const ClusterDevice& device = cluster.devices[make_id<DeviceId>(d)];
    const auto alike = std::find_if(classes.begin(), classes.end(), [&](const std::vector<std::size_t>& others) {
      const ClusterDevice& other = cluster.devices[make_id<DeviceId>(others.front())];
      return other.type == device.type && other.host == device.host;
    });
    if (alike == classes.end()) {
      classes.push_back({d});
    } else {
      alike->push_back(d);
    }
  }
  return classes;
}

Assignment in_model_order(const Assignment& assignment, const PlacementUnits& units, const Cluster& cluster,
                          const std::vector<BlockId>& fixed) {
  const std::vector<double> means = mean_positions(assignment, units, cluster.devices.size());
  std::vector<BlockId> renamed(cluster.devices.size());
  for (std::size_t d = 0; d < renamed.size(); ++d) renamed[d] = make_id<BlockId>(d);
  for (const std::vector<std::size_t>& equals : classes_of_equals(cluster, fixed)) {
    std::vector<std::size_t> order = equals;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return means[a] < means[b]; });
    for (std::size_t i = 0; i < order.size(); ++i) renamed[order[i]] = make_id<BlockId>(equals[i]);
  }
  Assignment result = assignment;
  for (BlockId& block : result) block = renamed[index(block)];
  return result;
}

// The node of the unit that says where the unit has to be.
const std::string& pinned_node(const TrainingGraph& training, const PlacementUnits& units, UnitId unit) {
  const std::vector<NodeId>& nodes = units.nodes[unit];
  const auto pinned =
      std::find_if(nodes.begin(), nodes.end(), [&](NodeId n) { return training.graph.node(n).device.has_value(); });
  return training.graph.node(pinned == nodes.end() ? nodes.front() : *pinned).name;
}

std::vector<BlockId> fixed_blocks(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster) {
  std::vector<BlockId> fixed;
  bool any = false;
  for (const UnitId unit : ids<UnitId>(units.pinned.size())) {
    const std::optional<DeviceId>& device = units.pinned[unit];
    if (device && !cluster.devices.contains(*device)) {
      throw InfeasibleError(fmt::format("the model pins node {} to device {}, but there {} (numbered from 0)",
                                        quoted(pinned_node(training, units, unit)), index(*device),
                                        cluster.devices.size() == 1
                                            ? std::string("is only one device")
                                            : fmt::format("are only {} devices", cluster.devices.size())));
    }
    fixed.push_back(device ? make_id<BlockId>(index(*device)) : kNone<BlockId>);
    any = any || device.has_value();
  }
  if (!any) fixed.clear();
  return fixed;
}

// `fair`: the limits that share everything out by speed alone; the imbalance that people read is against these.
PlacementCandidate placed(ObjectiveCandidate candidate, const WeightedGraph& graph, const BalanceLimits& fair,
                          const PlacementUnits& units, const TrainingGraph& training) {
  candidate.found.imbalance = imbalance_of(graph, candidate.found.assignment, fair);
  PlacementCandidate result{
      .found = std::move(candidate.found), .value = candidate.value, .placement = {}, .traffic = {}};
  for (const NodeId node : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    const VertexId vertex = make_id<VertexId>(index(units.unit_of[node]));
    result.placement.push_back(make_id<DeviceId>(index(result.found.assignment[vertex])));
  }
  result.traffic = traffic(units, result.placement);
  return result;
}

// The balances to try in turn: those asked for; what was not asked for becomes wider and wider.
std::vector<AllowedImbalance> imbalances(const ModelPartitionOptions& options, std::int32_t devices) {
  std::vector<double> widths{0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75};
  for (double wide = 1.0; wide < devices; wide *= 1.5) widths.push_back(wide);
  widths.push_back(devices);  // everything on one device
  if (options.imbalance && options.memory_imbalance) widths = {0.0};
  std::vector<AllowedImbalance> all;
  for (const double wider : widths) {
    all.push_back({.compute = options.imbalance.value_or(kDefaultImbalance + wider),
                   .memory = options.memory_imbalance.value_or(kDefaultMemoryImbalance + wider)});
  }
  return all;
}

[[noreturn]] void fail(const Candidate& best, const ModelPartitionOptions& options) {
  const std::string asked = options.imbalance ? fmt::format(" ({:.3g} %)", *options.imbalance * 100.0) : "";
  throw InfeasibleError(fmt::format(
      "no placement found that keeps the balance asked for{} and the memory of every device. The best ({}) has an "
      "imbalance of {:.1f} % in compute and {:.1f} % in memory. Allow more (--imbalance, --memory-imbalance), use more "
      "devices, or devices with more memory",
      asked, best.algorithm, best.imbalance[kComputeConstraint] * 100.0, best.imbalance[kMemoryConstraint] * 100.0));
}

// What stays the same while balances are tried.
struct Problem {
  const WeightedGraph& graph;
  const TrainingGraph& training;
  const PlacementUnits& units;
  const Cluster& cluster;
  const IdVector<DeviceId, double>& speeds;
  const std::vector<BlockId>& pinned;
};

std::vector<ObjectiveCandidate> with_cut_as_value(std::vector<Candidate> candidates) {
  std::vector<ObjectiveCandidate> result;
  for (Candidate& candidate : candidates) {
    const Weight cut = candidate.cut;
    result.push_back({.found = std::move(candidate), .value = cut});
  }
  return result;
}

std::vector<ObjectiveCandidate> run_objective(const Problem& problem, const BalanceLimits& limits,
                                              const ModelPartitionOptions& options, const PortfolioOptions& portfolio) {
  if (options.acyclic) {
    return with_cut_as_value(
        run_acyclic_portfolio(forward_dag(problem.training, problem.units, problem.graph), limits, portfolio));
  }
  switch (options.objective) {
    case ModelObjective::kCut:
      return with_cut_as_value(run_portfolio(problem.graph, limits, portfolio));
    case ModelObjective::kVolume:
      return run_volume_portfolio(problem.graph, limits, hyperedges_of(problem.units), portfolio);
    case ModelObjective::kMapping:
      return run_mapping_portfolio(problem.graph, limits, distances_of(problem.cluster), portfolio);
  }
  return {};
}

bool is_better(const ObjectiveCandidate& a, const ObjectiveCandidate& b) {
  const std::vector<ObjectiveCandidate> both{b, a};
  return &best_of(both) == &both[1];
}

// The portfolio under a balance; where heavy vertices can be given room in two ways, each algorithm's better result.
std::vector<ObjectiveCandidate> run_with_room(const Problem& problem, const AllowedImbalance& imbalance,
                                              const ModelPartitionOptions& options) {
  PortfolioOptions portfolio = options.portfolio;
  const auto run = [&](HeavyPlacing placing) {
    DeviceRoom room = device_room(problem.graph, problem.cluster, problem.speeds, imbalance, problem.pinned, placing);
    const bool anything_fixed = room.fixed != problem.pinned;
    const bool proofs_hold = room.general;
    portfolio.fixed = std::move(room.fixed);
    std::vector<ObjectiveCandidate> found = run_objective(problem, room.limits, options, portfolio);
    for (ObjectiveCandidate& candidate : found) {
      if (proofs_hold) break;
      candidate.found.lower_bound.reset();  // proved for this place of the heavy vertices alone
      candidate.found.optimal = false;
    }
    return std::pair(std::move(found), anything_fixed);
  };
  // A vertex fixed for its weight alone could stand in the way of every acyclic placement.
  if (options.imbalance || options.acyclic) return run(HeavyPlacing::kNone).first;
  auto [found, anything_fixed] = run(HeavyPlacing::kInOrder);
  if (!anything_fixed) return std::move(found);
  for (ObjectiveCandidate& other : run(HeavyPlacing::kTogether).first) {
    const auto same = std::find_if(found.begin(), found.end(), [&](const ObjectiveCandidate& c) {
      return c.found.algorithm == other.found.algorithm;
    });
    if (same == found.end()) {
      found.push_back(std::move(other));
    } else if (is_better(other, *same)) {
      *same = std::move(other);
    }
  }
  return std::move(found);
}

struct Search {
  std::vector<ObjectiveCandidate> found;
  AllowedImbalance asked;
};

// Wider and wider balances, until something keeps one.
Search search(const Problem& problem, ModelPartitionOptions options) {
  const auto begin = std::chrono::steady_clock::now();
  const std::optional<double> limit_s = options.portfolio.time_limit_s;
  Search result;
  for (const AllowedImbalance& imbalance :
       imbalances(options, static_cast<std::int32_t>(problem.cluster.devices.size()))) {
    result = {.found = run_with_room(problem, imbalance, options), .asked = imbalance};
    if (best_of(result.found).found.feasible) return result;
    const std::chrono::duration<double> used = std::chrono::steady_clock::now() - begin;
    if (limit_s) options.portfolio.time_limit_s = std::max(0.0, *limit_s - used.count());
  }
  fail(best_of(result.found).found, options);
}

// Among results as good as `best`, the one that sends the least: a tie in the cut need not be one in the volume.
std::size_t least_volume(const std::vector<PlacementCandidate>& candidates, std::size_t best) {
  std::size_t chosen = best;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const PlacementCandidate& c = candidates[i];
    const bool tie = c.found.violation == candidates[best].found.violation &&
                     c.found.empty_blocks == candidates[best].found.empty_blocks && c.value == candidates[best].value;
    if (tie && c.traffic.communication_volume < candidates[chosen].traffic.communication_volume) chosen = i;
  }
  return chosen;
}

// What one algorithm proves of the problem holds for the result of every other.
void share_bounds(std::vector<ObjectiveCandidate>& found) {
  std::optional<Weight> bound;
  for (const ObjectiveCandidate& candidate : found) {
    if (candidate.found.lower_bound) bound = std::max(bound.value_or(0), *candidate.found.lower_bound);
  }
  if (!bound) return;
  for (ObjectiveCandidate& candidate : found) {
    candidate.found.lower_bound = bound;
    candidate.found.optimal =
        candidate.found.feasible && candidate.found.empty_blocks == 0 && candidate.value == *bound;
  }
}

}  // namespace

ModelPartition partition_model(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                               const ModelPartitionOptions& options) {
  if (options.acyclic && options.objective != ModelObjective::kCut) {
    throw UsageError("an acyclic placement is made at the least cut: not at the least volume or mapping");
  }
  const WeightedGraph graph = model_graph(
      units, unit_costs(training, units, cluster.types[static_cast<std::size_t>(cluster.devices[DeviceId{0}].type)]));
  const IdVector<DeviceId, double> speeds = relative_speeds(training, units, cluster);
  const std::vector<BlockId> pinned = fixed_blocks(training, units, cluster);
  const Problem problem{
      .graph = graph, .training = training, .units = units, .cluster = cluster, .speeds = speeds, .pinned = pinned};
  Search searched = search(problem, options);
  if (options.objective == ModelObjective::kCut) share_bounds(searched.found);
  const BalanceLimits fair = device_room(graph, cluster, speeds, {}, pinned, HeavyPlacing::kNone).limits;
  ModelPartition result{.candidates = {},
                        .chosen = static_cast<std::size_t>(&best_of(searched.found) - searched.found.data()),
                        .imbalance = searched.asked};
  for (ObjectiveCandidate& candidate : searched.found) {
    // Where links differ inside a host, the order of the devices is part of the answer.
    if (options.objective != ModelObjective::kMapping) {
      candidate.found.assignment = in_model_order(candidate.found.assignment, units, cluster, pinned);
    }
    result.candidates.push_back(placed(std::move(candidate), graph, fair, units, training));
  }
  result.chosen = least_volume(result.candidates, result.chosen);
  return result;
}

}  // namespace mp::partition
