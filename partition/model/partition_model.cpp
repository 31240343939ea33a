#include "partition/model/partition_model.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/costs/costs.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/model/device_limits.hpp"
#include "partition/model/model_graph.hpp"

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

std::vector<BlockId> fixed_blocks(const PlacementUnits& units, const Cluster& cluster) {
  std::vector<BlockId> fixed;
  bool any = false;
  for (const std::optional<DeviceId>& device : units.pinned) {
    if (device && !cluster.devices.contains(*device)) {
      throw InfeasibleError(
          fmt::format("the model pins a node to device {}, but there {} (numbered from 0)", index(*device),
                      cluster.devices.size() == 1 ? std::string("is only one device")
                                                  : fmt::format("are only {} devices", cluster.devices.size())));
    }
    fixed.push_back(device ? make_id<BlockId>(index(*device)) : kNone<BlockId>);
    any = any || device.has_value();
  }
  if (!any) fixed.clear();
  return fixed;
}

// `fair`: the limits that share everything out by speed alone; the imbalance that people read is against these.
PlacementCandidate placed(Candidate candidate, const WeightedGraph& graph, const BalanceLimits& fair,
                          const PlacementUnits& units, const TrainingGraph& training) {
  candidate.imbalance = imbalance_of(graph, candidate.assignment, fair);
  PlacementCandidate result{.found = std::move(candidate), .placement = {}, .traffic = {}};
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
  const Cluster& cluster;
  const IdVector<DeviceId, double>& speeds;
  const std::vector<BlockId>& pinned;
};

// The portfolio under a balance; where heavy vertices can be given room in two ways, each algorithm's better result.
std::vector<Candidate> run_with_room(const Problem& problem, const AllowedImbalance& imbalance,
                                     const ModelPartitionOptions& options) {
  PortfolioOptions portfolio = options.portfolio;
  const auto run = [&](HeavyPlacing placing) {
    DeviceRoom room = device_room(problem.graph, problem.cluster, problem.speeds, imbalance, problem.pinned, placing);
    const bool anything_fixed = room.fixed != problem.pinned;
    portfolio.fixed = std::move(room.fixed);
    return std::pair(run_portfolio(problem.graph, room.limits, portfolio), anything_fixed);
  };
  if (options.imbalance) return run(HeavyPlacing::kNone).first;
  auto [found, anything_fixed] = run(HeavyPlacing::kInOrder);
  if (!anything_fixed) return std::move(found);
  for (Candidate& other : run(HeavyPlacing::kTogether).first) {
    const auto same =
        std::find_if(found.begin(), found.end(), [&](const Candidate& c) { return c.algorithm == other.algorithm; });
    if (same == found.end()) {
      found.push_back(std::move(other));
    } else if (better(other, *same)) {
      *same = std::move(other);
    }
  }
  return std::move(found);
}

}  // namespace

ModelPartition partition_model(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                               const ModelPartitionOptions& options) {
  const WeightedGraph graph = model_graph(
      units, unit_costs(training, units, cluster.types[static_cast<std::size_t>(cluster.devices[DeviceId{0}].type)]));
  const IdVector<DeviceId, double> speeds = relative_speeds(training, units, cluster);
  const std::vector<BlockId> pinned = fixed_blocks(units, cluster);
  const Problem problem{.graph = graph, .cluster = cluster, .speeds = speeds, .pinned = pinned};
  std::vector<Candidate> found;
  AllowedImbalance asked;
  for (const AllowedImbalance& imbalance : imbalances(options, static_cast<std::int32_t>(cluster.devices.size()))) {
    asked = imbalance;
    found = run_with_room(problem, imbalance, options);
    if (best_of(found).feasible) break;
  }
  const Candidate& best = best_of(found);
  if (!best.feasible) fail(best, options);
  const BalanceLimits fair = device_room(graph, cluster, speeds, {}, pinned, HeavyPlacing::kNone).limits;
  ModelPartition result{.candidates = {}, .chosen = static_cast<std::size_t>(&best - found.data()), .imbalance = asked};
  for (Candidate& candidate : found) {
    candidate.assignment = in_model_order(candidate.assignment, units, cluster, pinned);
    result.candidates.push_back(placed(std::move(candidate), graph, fair, units, training));
  }
  return result;
}

}  // namespace mp::partition
