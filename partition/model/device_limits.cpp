#include "partition/model/device_limits.hpp"

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "partition/graph/metrics.hpp"
#include "partition/model/model_graph.hpp"

namespace mp::partition {
namespace {

// ⌊(1 + imbalance)·⌈share of total⌉⌋; the small term keeps 1.03 × 100 from becoming 102.
Weight allowed(Weight total, double share, double imbalance) {
  const long double fair = std::ceil(static_cast<long double>(total) * static_cast<long double>(share) - 1e-6L);
  return static_cast<Weight>(std::floor(fair * (1.0L + static_cast<long double>(imbalance)) + 1e-6L));
}

}  // namespace

IdVector<DeviceId, double> relative_speeds(const TrainingGraph& training, const PlacementUnits& units,
                                           const Cluster& cluster) {
  std::map<std::int32_t, double> seconds;  // by type
  for (const ClusterDevice& device : cluster.devices) {
    if (seconds.contains(device.type)) continue;
    double sum = 0.0;
    for (const UnitCost& cost : unit_costs(training, units, cluster.types[static_cast<std::size_t>(device.type)])) {
      sum += cost.compute_s;
    }
    seconds[device.type] = sum;
  }
  const double first = seconds.at(cluster.devices[DeviceId{0}].type);
  IdVector<DeviceId, double> speeds;
  for (const ClusterDevice& device : cluster.devices) {
    speeds.push_back(first > 0.0 ? first / seconds.at(device.type) : 1.0);
  }
  return speeds;
}

BalanceLimits device_limits(const WeightedGraph& graph, const Cluster& cluster,
                            const IdVector<DeviceId, double>& speeds, double imbalance) {
  const std::vector<Weight> totals = total_weights(graph);
  const double speed = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  const auto devices = static_cast<std::int32_t>(cluster.devices.size());
  BalanceLimits limits{.blocks = devices, .constraints = graph.constraints, .max_weights = {}};
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    const std::int64_t memory = cluster.type_of(d).memory_bytes;
    limits.max_weights.push_back(allowed(totals[kComputeConstraint], speeds[d] / speed, imbalance));
    limits.max_weights.push_back(memory > 0 ? memory : allowed(totals[kMemoryConstraint], 1.0 / devices, imbalance));
  }
  return limits;
}

}  // namespace mp::partition
