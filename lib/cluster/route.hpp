// What a message passes between two devices, and what of it is shared with other messages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"

namespace mp {

// A capacity that a message takes part of: n bytes keep `resource` busy for n / bytes_per_s. `resource` is a number
// below Routes::resources(), the same for every message that passes the same port, bus or uplink.
struct RouteHop {
  std::int32_t resource = 0;
  double bytes_per_s = 0.0;
  friend bool operator==(const RouteHop&, const RouteHop&) = default;
};

// A message of n bytes arrives latency_s + n / bytes_per_s after it starts; it can start when the directed pair and all
// hops are free, and then keeps each hop busy for the time above (less than its own time, where a hop is faster than
// one message: so that several share it).
class Route {
 public:
  double latency_s = 0.0;
  double bytes_per_s = 0.0;  // the least of the link's and the hops'
  [[nodiscard]] std::span<const RouteHop> hops() const& { return {hops_.data(), size_}; }
  std::span<const RouteHop> hops() const&& = delete;  // would outlive the route
  [[nodiscard]] double seconds(std::int64_t bytes) const {
    return latency_s + static_cast<double>(bytes) / bytes_per_s;
  }

 private:
  friend class Routes;
  static constexpr std::size_t kMaxHops = 16;
  void add(std::int32_t resource, double bytes_per_s);
  std::array<RouteHop, kMaxHops> hops_{};
  std::size_t size_ = 0;
};

// Most levels of groups a cluster may have: with them a route still has at most kMaxHops hops.
inline constexpr std::size_t kMaxLinkLevels = 4;

// Routes of a cluster, which must outlive it. Each takes constant time and no memory.
class Routes {
 public:
  explicit Routes(const Cluster& cluster);
  [[nodiscard]] Route operator()(DeviceId from, DeviceId to) const;  // from ≠ to
  [[nodiscard]] std::int32_t resources() const { return resources_; }
  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  // "gpu3 out", "host 1 network in": for reports.
  [[nodiscard]] std::string name(std::int32_t resource) const;

 private:
  // Capacities of one kind: unit u has the resources first + 2·u (out) and first + 2·u + 1 (in).
  struct Kind {
    std::int32_t first = 0;
    std::int32_t units = 0;
    double bytes_per_s = 0.0;
  };
  [[nodiscard]] Kind kind_of(std::int32_t units, double bytes_per_s);
  static void pass_out(Route& route, const Kind& kind, std::int32_t unit);
  static void pass_in(Route& route, const Kind& kind, std::int32_t unit);
  void number_switches();

  const Cluster& cluster_;
  std::int32_t resources_ = 0;
  std::vector<std::int32_t> switch_of_;  // by device; empty: no switches
  Kind ports_;
  Kind switches_;
  Kind buses_;
  Kind networks_;
  std::vector<Kind> groups_;  // by level
};

}  // namespace mp
