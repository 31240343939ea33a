// Seconds of what a device does by itself: nodes, feeds, copies, accumulations; looked up once per kind of device.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"

namespace mp {

// Graph and cluster must outlive it.
class InstructionTimes {
 public:
  InstructionTimes(const Graph& graph, const Cluster& cluster);

  // With `active` ≥ 1 devices of the host at work, this one among them. Messages and losses take no time here.
  [[nodiscard]] double operator()(DeviceId device, const Instruction& instruction, std::int32_t active);
  // False: times do not depend on `active`.
  [[nodiscard]] bool depends_on_active() const { return depends_on_active_; }

 private:
  struct Time {
    double alone_s = -1.0;  // −1: not looked up yet
    double more_s = 0.0;    // for each further active device: measured times are linear in their number
  };
  struct TypeTimes {
    IdVector<NodeId, Time> nodes;
    IdVector<TensorId, Time> feeds;
    IdVector<TensorId, Time> copies;
    IdVector<TensorId, Time> accumulations;
  };
  template <class Id>
  [[nodiscard]] double look_up(IdVector<Id, Time>& times, std::size_t size, Id id, const DeviceType& type,
                               double (*seconds)(const Graph&, Id, const DeviceType&, std::int32_t),
                               std::int32_t active);

  const Graph& graph_;
  const Cluster& cluster_;
  std::vector<TypeTimes> types_;
  bool depends_on_active_ = false;
};

}  // namespace mp
