#include "lib/program/collective_cost.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "lib/program/collective_pieces.hpp"

namespace mp {
namespace {

std::size_t position_of(DeviceId member, const Collective& collective) {
  const auto place = std::find(collective.members.begin(), collective.members.end(), member);
  return static_cast<std::size_t>(place - collective.members.begin());
}

// What the hop from each member to the next one in the ring carries; of sums, the hop to it from the next one.
std::vector<std::int64_t> bytes_of_hops(const Collective& collective) {
  const std::size_t members = collective.members.size();
  std::vector<std::int64_t> of_hops(members, 0);
  for (const CollectivePiece& piece : pieces_of(collective)) {
    const std::size_t first = position_of(piece.root, collective);
    for (std::size_t i = 0; i + 1 < members; ++i) of_hops[(first + i) % members] += piece.size_bytes;
  }
  return of_hops;
}

// The slowest hop of all.
Route slowest_of(const std::vector<RingHop>& hops, const Routes& routes) {
  Route slowest;
  slowest.bytes_per_s = std::numeric_limits<double>::infinity();
  for (const RingHop& hop : hops) {
    const Route route = routes(hop.from, hop.to);
    slowest.latency_s = std::max(slowest.latency_s, route.latency_s);
    slowest.bytes_per_s = std::min(slowest.bytes_per_s, route.bytes_per_s);
  }
  return slowest;
}

CollectiveCost cost_of_all_reduce(const Collective& collective, const Routes& routes) {
  const std::size_t members = collective.members.size();
  const auto steps = static_cast<std::int64_t>(2 * (members - 1));
  const std::int64_t hop_bytes = steps * (collective.size_bytes / static_cast<std::int64_t>(members));
  CollectiveCost cost;
  for (std::size_t i = 0; i < members; ++i) {
    cost.hops.push_back({collective.members[i], collective.members[(i + 1) % members], hop_bytes});
  }
  const Route slowest = slowest_of(cost.hops, routes);
  const double ring_s =
      static_cast<double>(steps) * slowest.latency_s + static_cast<double>(hop_bytes) / slowest.bytes_per_s;
  const auto levels = static_cast<double>(std::bit_width(members - 1));
  const double tree_s =
      2.0 * levels * slowest.latency_s + 2.0 * static_cast<double>(collective.size_bytes) / slowest.bytes_per_s;
  cost.seconds = std::min(ring_s, tree_s);
  return cost;
}

}  // namespace

CollectiveCost cost_of(const Collective& collective, const Routes& routes) {
  if (collective.kind == CollectiveKind::kAllReduce) return cost_of_all_reduce(collective, routes);
  const std::size_t members = collective.members.size();
  const std::vector<std::int64_t> of_hops = bytes_of_hops(collective);
  CollectiveCost cost;
  const std::size_t first = position_of(pieces_of(collective).front().root, collective);
  for (std::size_t i = 0; i < members; ++i) {
    const std::size_t at = (first + i) % members;
    if (of_hops[at] == 0) continue;
    RingHop hop{collective.members[at], collective.members[(at + 1) % members], of_hops[at]};
    if (is_sum(collective.kind)) std::swap(hop.from, hop.to);  // towards the root
    cost.hops.push_back(hop);
  }
  const Route slowest = slowest_of(cost.hops, routes);
  const std::int64_t most_bytes = *std::max_element(of_hops.begin(), of_hops.end());
  cost.seconds =
      static_cast<double>(members - 1) * slowest.latency_s + static_cast<double>(most_bytes) / slowest.bytes_per_s;
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
