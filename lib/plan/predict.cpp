#include "lib/plan/predict.hpp"

#include <algorithm>
#include <numeric>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"
#include "lib/program/replication.hpp"

namespace mp {
namespace {

double imbalance(const std::vector<double>& loads) {
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  if (sum <= 0.0) return 0.0;
  return *std::max_element(loads.begin(), loads.end()) * static_cast<double>(loads.size()) / sum - 1.0;
}

// Devices that run each update node.
IdVector<NodeId, std::vector<DeviceId>> devices_of_updates(const Program& program) {
  IdVector<NodeId, std::vector<DeviceId>> devices(program.training.graph.nodes().size());
  for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
    for (const Instruction& instruction : program.devices[d].instructions) {
      if (instruction.opcode == Opcode::kCompute && instruction.microbatch < 0) devices[instruction.node].push_back(d);
    }
  }
  return devices;
}

// Seconds of compute per device and step.
std::vector<double> compute_loads(const Program& program, const Cluster& cluster) {
  const TrainingGraph& training = program.training;
  const Replication replication(program.replicas, static_cast<std::int32_t>(program.devices.size()));
  const IdVector<NodeId, std::vector<DeviceId>> updating = devices_of_updates(program);
  std::vector<double> loads(program.devices.size(), 0.0);
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    const bool is_update = training.phase[n] == Phase::kUpdate;
    const DeviceId leader = program.placement[training.placed_with[n]];
    for (const DeviceId d : is_update ? updating[n] : replication.members(leader)) {
      const double runs = is_update ? 1.0 : replication.share(d, program.microbatches);
      loads[index(d)] += runs * node_seconds(training.graph, n, cluster.type_of(d));
    }
  }
  return loads;
}

// A tensor once for each device that receives it; where there are replicas, what they exchange, too.
std::int64_t volume_of(const Program& program, const Simulation& simulation, const Traffic& between_units) {
  if (program.replicas.empty()) return between_units.communication_volume;
  std::int64_t sum = 0;
  for (const LinkTraffic& link : simulation.links) sum += link.bytes;
  return sum;
}

std::vector<double> memory_loads(const std::vector<DevicePrediction>& devices, const Cluster& cluster) {
  const bool limited = std::all_of(cluster.types.begin(), cluster.types.end(),
                                   [](const DeviceType& type) { return type.memory_bytes > 0; });
  std::vector<double> loads;
  loads.reserve(devices.size());
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const double limit = limited ? static_cast<double>(cluster.type_of(make_id<DeviceId>(d)).memory_bytes) : 1.0;
    loads.push_back(static_cast<double>(devices[d].memory_bytes) / limit);
  }
  return loads;
}

std::vector<DevicePrediction> count_holdings(const Program& program) {
  const TrainingGraph& training = program.training;
  std::vector<DevicePrediction> devices(program.devices.size());
  for (std::size_t d = 0; d < devices.size(); ++d) {
    devices[d].memory_bytes = program.devices[make_id<DeviceId>(d)].arena_bytes;
  }
  const Replication replication(program.replicas, static_cast<std::int32_t>(program.devices.size()));
  for (const NodeId n : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    for (const DeviceId d : replication.members(program.placement[n])) {
      DevicePrediction& device = devices[index(d)];
      ++device.nodes;
      if (training.graph.node(n).cost) device.memory_bytes += training.graph.node(n).cost->parameter_bytes;
    }
  }
  IdVector<TensorId, bool> is_trained(training.graph.tensors().size(), false);
  for (const TrainedParameter& trained : training.trained) is_trained[trained.parameter] = true;
  for (const DeviceId d : ids<DeviceId>(devices.size())) {
    for (const Buffer& buffer : program.devices[d].buffers) {
      if (buffer.role != BufferRole::kParameter || !is_trained[buffer.tensor]) continue;
      devices[index(d)].parameters += elements(training.graph.tensor(buffer.tensor).type.shape);
    }
  }
  return devices;
}

}  // namespace

Prediction predict(const Program& program, const PlacementUnits& units, const Cluster& cluster) {
  return predict(program, simulate(program, cluster), units, cluster);
}

Prediction predict(const Program& program, const Simulation& simulation, const PlacementUnits& units,
                   const Cluster& cluster) {
  MP_CHECK(cluster.devices.size() >= program.devices.size());
  const Traffic crossing = traffic(units, program.placement);
  const std::vector<double> loads = compute_loads(program, cluster);
  const double all_loads = std::accumulate(loads.begin(), loads.end(), 0.0);
  Prediction prediction;
  prediction.cut_bytes = crossing.cut;
  prediction.communication_volume_bytes = volume_of(program, simulation, crossing);
  prediction.step_time_s = simulation.step_time_s;
  prediction.bubble_fraction = simulation.bubble_fraction;
  prediction.devices = count_holdings(program);
  for (std::size_t d = 0; d < loads.size(); ++d) {
    prediction.devices[d].compute_share = all_loads > 0.0 ? loads[d] / all_loads : 0.0;
  }
  prediction.imbalance = imbalance_of(prediction.devices, cluster);
  return prediction;
}

Imbalance imbalance_of(const std::vector<DevicePrediction>& devices, const Cluster& cluster) {
  std::vector<double> shares;
  for (const DevicePrediction& device : devices) shares.push_back(device.compute_share);
  return {imbalance(shares), imbalance(memory_loads(devices, cluster))};
}

std::vector<DeviceId> overfull_devices(const Prediction& prediction, const Cluster& cluster) {
  std::vector<DeviceId> overfull;
  for (const DeviceId d : ids<DeviceId>(prediction.devices.size())) {
    const std::int64_t limit = cluster.type_of(d).memory_bytes;
    if (limit > 0 && prediction.devices[index(d)].memory_bytes > limit) overfull.push_back(d);
  }
  return overfull;
}

}  // namespace mp
