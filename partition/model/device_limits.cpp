#include "partition/model/device_limits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "partition/graph/metrics.hpp"
#include "partition/model/model_graph.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kConstraints = 2;
using Shares = std::array<double, kConstraints>;  // per constraint, the average weight of a device

// ⌊(1 + imbalance)·⌈share⌉⌋; the small term keeps 1.03 × 100 from becoming 102.
Weight allowed(double share, double imbalance) {
  const long double fair = std::ceil(static_cast<long double>(share) - 1e-6L);
  return static_cast<Weight>(std::floor(fair * (1.0L + static_cast<long double>(imbalance)) + 1e-6L));
}

bool all_alike(const Cluster& cluster) {
  return std::all_of(cluster.devices.begin(), cluster.devices.end(),
                     [&](const ClusterDevice& d) { return d.type == cluster.devices[DeviceId{0}].type; });
}

bool is_capacity(const Cluster& cluster, DeviceId device, std::size_t constraint) {
  return constraint == kMemoryConstraint && cluster.type_of(device).memory_bytes > 0;
}

// The vertices heavier than the share of a device, when those still heavier have devices of their own; and that share.
struct Heavy {
  std::vector<VertexId> vertices;
  double share = 0.0;
};

Heavy heavy_vertices(const WeightedGraph& graph, std::size_t constraint, std::int32_t devices) {
  std::vector<VertexId> order;
  double rest = 0.0;
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
    order.push_back(v);
    rest += static_cast<double>(graph.weights_of(v)[constraint]);
  }
  const auto first = std::min<std::size_t>(order.size(), static_cast<std::size_t>(devices));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first), order.end(),
                    [&](VertexId a, VertexId b) {
                      const Weight x = graph.weights_of(a)[constraint];
                      const Weight y = graph.weights_of(b)[constraint];
                      return x != y ? x > y : a < b;
                    });
  Heavy heavy;
  for (std::size_t i = 0; i + 1 < first; ++i) {
    const auto weight = static_cast<double>(graph.weights_of(order[i])[constraint]);
    if (weight <= rest / static_cast<double>(static_cast<std::size_t>(devices) - i)) break;
    heavy.vertices.push_back(order[i]);
    rest -= weight;
  }
  heavy.share = rest / static_cast<double>(static_cast<std::size_t>(devices) - heavy.vertices.size());
  return heavy;
}

// Which devices already hold a vertex that is heavy in a constraint.
class HeavyMap {
 public:
  HeavyMap(const std::array<Heavy, kConstraints>& heavy, std::size_t vertices, std::int32_t devices)
      : is_heavy_(vertices, {false, false}), taken_(static_cast<std::size_t>(devices), {false, false}) {
    for (std::size_t c = 0; c < kConstraints; ++c) {
      for (const VertexId v : heavy[c].vertices) is_heavy_[index(v)][c] = true;
    }
  }
  void take(VertexId v, std::size_t device) {
    for (std::size_t c = 0; c < kConstraints; ++c) taken_[device][c] = taken_[device][c] || is_heavy_[index(v)][c];
  }
  // The free device nearest to `wanted`; no value where every device holds a vertex heavy in the same.
  [[nodiscard]] std::optional<std::size_t> nearest_free(VertexId v, std::size_t wanted) const {
    for (std::size_t distance = 0; distance < taken_.size(); ++distance) {
      if (wanted + distance < taken_.size() && is_free(v, wanted + distance)) return wanted + distance;
      if (distance <= wanted && is_free(v, wanted - distance)) return wanted - distance;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool is_free(VertexId v, std::size_t device) const {
    for (std::size_t c = 0; c < kConstraints; ++c) {
      if (taken_[device][c] && is_heavy_[index(v)][c]) return false;
    }
    return true;
  }
  std::vector<std::array<bool, kConstraints>> is_heavy_;
  std::vector<std::array<bool, kConstraints>> taken_;
};

// Where along the devices a vertex belongs when they divide the other vertices' work in the order of the vertices.
std::vector<std::size_t> places_in_order(const WeightedGraph& graph, const Heavy& heavy, std::int32_t devices) {
  std::vector<bool> skip(static_cast<std::size_t>(graph.vertices()), false);
  for (const VertexId v : heavy.vertices) skip[index(v)] = true;
  const double rest =
      std::max(heavy.share, 1e-9) * static_cast<double>(static_cast<std::size_t>(devices) - heavy.vertices.size());
  std::vector<std::size_t> places;
  double before = 0.0;
  for (const VertexId v : ids<VertexId>(skip.size())) {
    places.push_back(static_cast<std::size_t>(std::lround(std::min(before / rest, 1.0) * (devices - 1))));
    if (!skip[index(v)]) before += static_cast<double>(graph.weights_of(v)[kComputeConstraint]);
  }
  return places;
}

void fix_heavy(const WeightedGraph& graph, const std::array<Heavy, kConstraints>& heavy, std::int32_t devices,
               HeavyPlacing placing, std::vector<BlockId>& fixed) {
  if (fixed.empty()) fixed.assign(static_cast<std::size_t>(graph.vertices()), kNone<BlockId>);
  HeavyMap map(heavy, fixed.size(), devices);
  for (const VertexId v : ids<VertexId>(fixed.size())) {
    if (fixed[index(v)] != kNone<BlockId>) map.take(v, index(fixed[index(v)]));
  }
  const std::vector<std::size_t> places = places_in_order(graph, heavy[kComputeConstraint], devices);
  for (const Heavy& of_constraint : heavy) {
    for (const VertexId v : of_constraint.vertices) {
      if (fixed[index(v)] != kNone<BlockId>) continue;
      const std::optional<std::size_t> device =
          map.nearest_free(v, placing == HeavyPlacing::kInOrder ? places[index(v)] : 0);
      if (!device) continue;  // the wider balances that are tried next make room
      fixed[index(v)] = make_id<BlockId>(*device);
      map.take(v, *device);
    }
  }
}

// Raises the limits of each device to what is fixed to it and must be there.
void make_room(const WeightedGraph& graph, const Cluster& cluster, const std::array<Heavy, kConstraints>& heavy,
               const std::array<double, kConstraints>& imbalance, DeviceRoom& room) {
  std::vector<Weight> loads(room.limits.max_weights.size(), 0);
  for (const VertexId v : ids<VertexId>(room.fixed.size())) {
    if (room.fixed[index(v)] == kNone<BlockId>) continue;
    for (std::size_t c = 0; c < kConstraints; ++c) {
      loads[index(room.fixed[index(v)]) * kConstraints + c] += graph.weights_of(v)[c];
    }
  }
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    for (std::size_t c = 0; c < kConstraints; ++c) {
      if (is_capacity(cluster, d, c)) continue;
      const std::size_t slot = index(d) * kConstraints + c;
      Weight& limit = room.limits.max_weights[slot];
      if (loads[slot] > limit) limit = loads[slot] + allowed(heavy[c].share * imbalance[c], 0.0);
    }
  }
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

DeviceRoom device_room(const WeightedGraph& graph, const Cluster& cluster, const IdVector<DeviceId, double>& speeds,
                       AllowedImbalance imbalance, const std::vector<BlockId>& pinned, HeavyPlacing placing) {
  const std::vector<Weight> totals = total_weights(graph);
  const auto devices = static_cast<std::int32_t>(cluster.devices.size());
  std::array<Heavy, kConstraints> heavy;
  for (std::size_t c = 0; c < kConstraints; ++c) heavy[c].share = static_cast<double>(totals[c]) / devices;
  DeviceRoom room{.limits = {.blocks = devices, .constraints = graph.constraints, .max_weights = {}}, .fixed = pinned};
  if (placing != HeavyPlacing::kNone && all_alike(cluster)) {
    for (std::size_t c = 0; c < kConstraints; ++c) {
      if (!is_capacity(cluster, DeviceId{0}, c)) heavy[c] = heavy_vertices(graph, c, devices);
    }
    if (!heavy[0].vertices.empty() || !heavy[1].vertices.empty()) {
      const bool alike = std::ranges::is_permutation(heavy[0].vertices, heavy[1].vertices);
      room.general = pinned.empty() && (alike || heavy[0].vertices.empty() || heavy[1].vertices.empty());
      fix_heavy(graph, heavy, devices, placing, room.fixed);
    }
  }
  const double mean_speed = std::accumulate(speeds.begin(), speeds.end(), 0.0) / devices;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    room.limits.max_weights.push_back(
        allowed(heavy[kComputeConstraint].share * speeds[d] / mean_speed, imbalance.compute));
    room.limits.max_weights.push_back(is_capacity(cluster, d, kMemoryConstraint)
                                          ? cluster.type_of(d).memory_bytes
                                          : allowed(heavy[kMemoryConstraint].share, imbalance.memory));
  }
  if (placing != HeavyPlacing::kNone && !room.fixed.empty())
    make_room(graph, cluster, heavy, {imbalance.compute, imbalance.memory}, room);
  return room;
}

}  // namespace mp::partition
