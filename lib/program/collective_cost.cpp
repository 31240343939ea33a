#include "lib/program/collective_cost.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace mp {

CollectiveCost cost_of(const Collective& collective, const Routes& routes) {
  const std::size_t members = collective.members.size();
  const bool for_all = collective.kind == CollectiveKind::kAllReduce;
  const auto root = std::find(collective.members.begin(), collective.members.end(), collective.root);
  const auto first = for_all ? 0 : static_cast<std::size_t>(root - collective.members.begin());
  const std::size_t steps = for_all ? 2 * (members - 1) : 1;
  const std::int64_t piece_bytes =
      for_all ? collective.size_bytes / static_cast<std::int64_t>(members) : collective.size_bytes;
  CollectiveCost cost;
  double latency_s = 0.0;
  double bytes_per_s = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < (for_all ? members : members - 1); ++i) {
    DeviceId from = collective.members[(first + i) % members];
    DeviceId to = collective.members[(first + i + 1) % members];
    if (collective.kind == CollectiveKind::kReduce) std::swap(from, to);  // towards the root
    const Route route = routes(from, to);
    latency_s = std::max(latency_s, route.latency_s);
    bytes_per_s = std::min(bytes_per_s, route.bytes_per_s);
    cost.hops.push_back({from, to, static_cast<std::int64_t>(steps) * piece_bytes});
  }
  const std::size_t latencies = for_all ? steps : members - 1;
  const double transfer_s = static_cast<double>(steps) * static_cast<double>(piece_bytes) / bytes_per_s;
  cost.seconds = static_cast<double>(latencies) * latency_s + transfer_s;
  if (for_all) {
    const double tree_s = 2.0 * static_cast<double>(collective.size_bytes) / bytes_per_s;
    const auto levels = static_cast<double>(std::bit_width(members - 1));
    cost.seconds = std::min(cost.seconds, 2.0 * levels * latency_s + tree_s);
  }
  return cost;
}

double seconds_of_messages(const Collective& collective, const Routes& routes) {
  double latency_s = 0.0;
  double transfer_s = 0.0;
  for (const DeviceId d : collective.members) {
    if (d == collective.root) continue;
    const Route route =
        collective.kind == CollectiveKind::kReduce ? routes(d, collective.root) : routes(collective.root, d);
    latency_s = std::max(latency_s, route.latency_s);
    transfer_s += static_cast<double>(collective.size_bytes) / route.bytes_per_s;
  }
  return latency_s + transfer_s;
}

}  // namespace mp
