#include "partition/max_load/model_loads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/costs/costs.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kAllPairs = 64;  // of so many devices; of more, neighbours and those farthest apart

void take_slower(Link& slowest, const Link& link) {
  slowest.latency_s = std::max(slowest.latency_s, link.latency_s);
  slowest.bandwidth_bytes_per_s = std::min(slowest.bandwidth_bytes_per_s, link.bandwidth_bytes_per_s);
}

Link slowest_link(const Cluster& cluster) {
  Link slowest{.latency_s = 0.0, .bandwidth_bytes_per_s = std::numeric_limits<double>::infinity()};
  const std::size_t devices = cluster.devices.size();
  for (std::size_t a = 0; a < devices; ++a) {
    for (std::size_t b = a + 1; b < devices; ++b) {
      if (devices > kAllPairs && a > 0 && b > a + 1) break;
      take_slower(slowest, cluster.link(make_id<DeviceId>(a), make_id<DeviceId>(b)));
      take_slower(slowest, cluster.link(make_id<DeviceId>(b), make_id<DeviceId>(a)));
    }
  }
  return slowest;
}

// Of one message after the other, a step's.
double transfer_seconds(const TrainingGraph& training, const Flow& flow, const Link& slowest) {
  const Tensor& tensor = training.graph.tensor(flow.tensor);
  const std::int64_t size = bytes(tensor.type);
  const double messages = size > 0 ? static_cast<double>(flow.bytes_per_step) / static_cast<double>(size)
                                   : static_cast<double>(training.microbatches);
  if (tensor.producer != kNone<NodeId>) {
    const Node& producer = training.graph.node(tensor.producer);
    const auto output = std::find(producer.outputs.begin(), producer.outputs.end(), flow.tensor);
    const auto position = static_cast<std::size_t>(output - producer.outputs.begin());
    if (producer.cost && position < producer.cost->output_transfer_s.size()) {
      return messages * producer.cost->output_transfer_s[position];
    }
  }
  return messages * slowest.latency_s + static_cast<double>(flow.bytes_per_step) / slowest.bandwidth_bytes_per_s;
}

void add_devices(const Cluster& cluster, LoadProblem& problem) {
  for (const DeviceType& type : cluster.types) {
    problem.classes.push_back({.memory_bytes = type.memory_bytes, .pays_transfers = !type.in_host_memory});
  }
  for (const ClusterDevice& device : cluster.devices) problem.class_of.push_back(device.type);
}

void add_units(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
               LoadProblem& problem) {
  problem.bytes.assign(units.nodes.size(), 0);
  for (const DeviceType& type : cluster.types) {
    const IdVector<UnitId, UnitCost> costs = unit_costs(training, units, type);
    std::vector<double> seconds;
    for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
      const bool runs = std::all_of(units.nodes[unit].begin(), units.nodes[unit].end(),
                                    [&](NodeId node) { return can_run(training.graph, node, type); });
      seconds.push_back(runs ? costs[unit].compute_s : std::numeric_limits<double>::infinity());
      problem.bytes[index(unit)] = costs[unit].memory_bytes();
    }
    problem.seconds.push_back(std::move(seconds));
  }
}

void add_pins(const PlacementUnits& units, const Cluster& cluster, LoadProblem& problem) {
  std::vector<std::int32_t> fixed;
  bool any = false;
  for (const std::optional<DeviceId>& device : units.pinned) {
    if (device && !cluster.devices.contains(*device)) {
      throw InfeasibleError(fmt::format("the model pins a node to device {}, but there are {} (numbered from 0)",
                                        index(*device), cluster.devices.size()));
    }
    fixed.push_back(device ? static_cast<std::int32_t>(*device) : -1);
    any = any || device.has_value();
  }
  if (any) problem.fixed = std::move(fixed);
}

// Which units have a node of the forward pass.
std::vector<bool> with_forward(const TrainingGraph& training, const PlacementUnits& units) {
  std::vector<bool> result;
  for (const std::vector<NodeId>& nodes : units.nodes) {
    result.push_back(
        std::any_of(nodes.begin(), nodes.end(), [&](NodeId node) { return !training.graph.node(node).backward; }));
  }
  return result;
}

void add_order(const TrainingGraph& training, const PlacementUnits& units, LoadProblem& problem) {
  const std::vector<bool> forward = with_forward(training, units);
  for (const NodeId reader : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    const Node& node = training.graph.node(reader);
    for (const TensorId input : node.inputs) {
      if (input == kNone<TensorId> || training.graph.tensor(input).producer == kNone<NodeId>) continue;
      const NodeId producer = training.graph.tensor(input).producer;
      const auto before = static_cast<std::int32_t>(units.unit_of[producer]);
      const auto after = static_cast<std::int32_t>(units.unit_of[reader]);
      const bool producer_is_backward = training.graph.node(producer).backward;
      if (before == after || producer_is_backward != node.backward) continue;
      if (!node.backward) {
        problem.order.emplace_back(before, after);
      } else if (!forward[static_cast<std::size_t>(before)] || !forward[static_cast<std::size_t>(after)]) {
        problem.order.emplace_back(after, before);
      }
    }
  }
  std::sort(problem.order.begin(), problem.order.end());
  problem.order.erase(std::unique(problem.order.begin(), problem.order.end()), problem.order.end());
}

}  // namespace

LoadProblem load_problem_of(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster) {
  LoadProblem problem;
  add_devices(cluster, problem);
  add_units(training, units, cluster, problem);
  const Link slowest = cluster.devices.size() > 1 ? slowest_link(cluster) : Link{0.0, 1.0};
  for (const Flow& flow : units.flows) {
    LoadTensor tensor{.producer = static_cast<std::int32_t>(flow.from),
                      .readers = {},
                      .transfer_s = transfer_seconds(training, flow, slowest)};
    for (const UnitId reader : flow.readers) tensor.readers.push_back(static_cast<std::int32_t>(reader));
    problem.tensors.push_back(std::move(tensor));
  }
  add_pins(units, cluster, problem);
  add_order(training, units, problem);
  return problem;
}

double max_load_of(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                   const Placement& placement) {
  const LoadProblem problem = load_problem_of(training, units, cluster);
  LoadPlacement devices;
  for (const std::vector<NodeId>& nodes : units.nodes) {
    devices.push_back(static_cast<std::int32_t>(placement[nodes.front()]));
  }
  double largest = 0.0;
  for (const DeviceLoad& load : loads_of(problem, devices)) largest = std::max(largest, load.seconds());
  return largest;
}

}  // namespace mp::partition
