#include "lib/program/collective_cost.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "lib/program/collective_pieces.hpp"

namespace mp {
namespace {

using Members = std::vector<DeviceId>;

// Of each host those of the group, host by host.
std::vector<Members> by_host(const Members& members, const Cluster& cluster) {
  std::map<std::int32_t, Members> hosts;
  for (const DeviceId d : members) hosts[cluster.devices[d].host].push_back(d);
  std::vector<Members> result;
  for (auto& [host, of_host] : hosts) result.push_back(std::move(of_host));
  return result;
}

// A collective's hops, and how long the busiest way, network card or shared capacity moves their bytes.
class Hops {
 public:
  explicit Hops(const Routes& routes) : routes_(routes) {}

  void add(DeviceId from, DeviceId to, std::int64_t bytes) {
    if (bytes == 0) return;
    const Cluster& cluster = routes_.cluster();
    const Route route = routes_(from, to);
    const bool is_between = cluster.devices[from].host != cluster.devices[to].host;
    double& latency_s = is_between ? between_hosts_s_ : within_host_s_;
    latency_s = std::max(latency_s, route.latency_s);
    keep_busy(static_cast<double>(bytes) / route.bytes_per_s);
    if (is_between) {
      const double card_s = static_cast<double>(bytes) / cluster.link(from, to).bandwidth_bytes_per_s;
      keep_busy(cards_s_[{from, true}] += card_s);
      keep_busy(cards_s_[{to, false}] += card_s);
    }
    for (const RouteHop& hop : route.hops()) {
      keep_busy(shared_s_[hop.resource] += static_cast<double>(bytes) / hop.bytes_per_s);
    }
    hops_.push_back({from, to, bytes});
  }

  // Between two hosts, over as many ways as both have members.
  void add_ways(const Members& from, const Members& to, std::int64_t bytes) {
    const auto ways = static_cast<std::int64_t>(std::min(from.size(), to.size()));
    for (std::int64_t way = 0; way < ways; ++way) {
      const auto member = static_cast<std::size_t>(way);
      add(from[member], to[member], bytes / ways + (way < bytes % ways ? 1 : 0));
    }
  }

  [[nodiscard]] CollectiveCost cost(std::size_t steps_within, std::size_t steps_between) && {
    const double steps_s =
        static_cast<double>(steps_within) * within_host_s_ + static_cast<double>(steps_between) * between_hosts_s_;
    return {.hops = std::move(hops_), .seconds = steps_s + busiest_s_};
  }

 private:
  void keep_busy(double seconds) { busiest_s_ = std::max(busiest_s_, seconds); }

  const Routes& routes_;
  std::vector<RingHop> hops_;
  std::map<std::pair<DeviceId, bool>, double> cards_s_;  // of a device, out of its host or into it
  std::map<std::int32_t, double> shared_s_;
  double busiest_s_ = 0.0;
  double within_host_s_ = 0.0;
  double between_hosts_s_ = 0.0;
};

// The members in a circle.
class Ring {
 public:
  Ring(const Members& members, const Cluster& cluster) : hosts_(by_host(members, cluster)) {
    for (std::size_t h = 0; h < hosts_.size(); ++h) {
      for (const DeviceId d : hosts_[h]) {
        order_.push_back(d);
        host_of_.push_back(h);
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }
  [[nodiscard]] std::size_t position_of(DeviceId member) const {
    return static_cast<std::size_t>(std::find(order_.begin(), order_.end(), member) - order_.begin());
  }

  // From the member at a position to the next one; or the other way.
  void add_hop(std::size_t position, std::int64_t bytes, bool is_backward, Hops& hops) const {
    const std::size_t next = (position + 1) % size();
    const auto add = [&](auto&& add_one, const auto& here, const auto& there) {
      is_backward ? add_one(there, here) : add_one(here, there);
    };
    if (host_of_[position] == host_of_[next]) {
      add([&](DeviceId from, DeviceId to) { hops.add(from, to, bytes); }, order_[position], order_[next]);
    } else {
      add([&](const Members& from, const Members& to) { hops.add_ways(from, to, bytes); }, hosts_[host_of_[position]],
          hosts_[host_of_[next]]);
    }
  }

  // Once around but for one step, or twice.
  [[nodiscard]] CollectiveCost cost(std::size_t rounds, Hops hops) const {
    const std::size_t steps = rounds * (size() - 1);
    const std::size_t between = hosts() == 1 ? 0 : std::min(steps, rounds * hosts() - rounds % 2);
    return std::move(hops).cost(steps - between, between);
  }

  // Up to the root and down again: a chain within each host, a tree of hosts.
  [[nodiscard]] CollectiveCost tree_cost(std::int64_t size_bytes, const Routes& routes) const {
    Hops hops(routes);
    for (std::size_t i = 0; i + 1 < size(); ++i) {
      add_hop(i, size_bytes, false, hops);
      add_hop(i, size_bytes, true, hops);
    }
    std::size_t most = 0;
    for (const Members& host : hosts_) most = std::max(most, host.size());
    const auto levels = static_cast<std::size_t>(std::bit_width(hosts() - 1));
    return std::move(hops).cost(2 * (most - 1), 2 * levels);
  }

 private:
  std::vector<Members> hosts_;
  Members order_;
  std::vector<std::size_t> host_of_;  // beside it: position in hosts_
};

CollectiveCost cost_of_all_reduce(const Collective& collective, const Ring& ring, const Routes& routes) {
  const auto members = static_cast<std::int64_t>(ring.size());
  Hops around(routes);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    ring.add_hop(i, 2 * (members - 1) * (collective.size_bytes / members), false, around);
  }
  CollectiveCost cost = ring.cost(2, std::move(around));
  if (ring.hosts() == 1) return cost;
  CollectiveCost of_tree = ring.tree_cost(collective.size_bytes, routes);
  return of_tree.seconds < cost.seconds ? of_tree : cost;
}

// What the hop from each member to the next one in the ring carries; of sums, the hop to it from the next one.
std::vector<std::int64_t> bytes_of_hops(const Collective& collective, const Ring& ring) {
  std::vector<std::int64_t> of_hops(ring.size(), 0);
  for (const CollectivePiece& piece : pieces_of(collective)) {
    const std::size_t first = ring.position_of(piece.root);
    for (std::size_t i = 0; i + 1 < ring.size(); ++i) of_hops[(first + i) % ring.size()] += piece.size_bytes;
  }
  return of_hops;
}

}  // namespace

CollectiveCost cost_of(const Collective& collective, const Routes& routes) {
  const Ring ring(collective.members, routes.cluster());
  if (collective.kind == CollectiveKind::kAllReduce) return cost_of_all_reduce(collective, ring, routes);
  const std::vector<std::int64_t> of_hops = bytes_of_hops(collective, ring);
  Hops hops(routes);
  const std::size_t first = ring.position_of(pieces_of(collective).front().root);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const std::size_t at = (first + i) % ring.size();
    ring.add_hop(at, of_hops[at], is_sum(collective.kind), hops);  // sums go towards the root
  }
  return ring.cost(1, std::move(hops));
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
