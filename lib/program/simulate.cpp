#include "lib/program/simulate.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"

namespace mp {
namespace {

// Seconds of nodes, looked up once per device type.
class NodeTimes {
 public:
  NodeTimes(const Graph& graph, const Cluster& cluster) : graph_(graph), cluster_(cluster) {
    times_.resize(cluster.types.size());
  }
  double operator()(NodeId n, DeviceId d) {
    IdVector<NodeId, double>& times = times_[static_cast<std::size_t>(cluster_.devices[d].type)];
    if (times.empty()) times.assign(graph_.nodes().size(), kUnknown);
    if (times[n] < 0.0) times[n] = node_seconds(graph_, n, cluster_.type_of(d));
    return times[n];
  }

 private:
  static constexpr double kUnknown = -1.0;
  const Graph& graph_;
  const Cluster& cluster_;
  std::vector<IdVector<NodeId, double>> times_;
};

// Seconds of everything but nodes and messages: bytes through memory. Feeds write once, copies read and write, sums
// read two operands and write one.
double move_seconds(const Program& program, const Instruction& instruction, const DeviceType& type) {
  const double size_bytes = static_cast<double>(bytes(program.training.graph.tensor(instruction.tensor).type));
  switch (instruction.opcode) {
    case Opcode::kFeed:
      return size_bytes / type.memory_bandwidth_bytes_per_s;
    case Opcode::kCopy:
      return type.launch_overhead_s + 2.0 * size_bytes / type.memory_bandwidth_bytes_per_s;
    case Opcode::kAccumulate:
      return type.launch_overhead_s + 3.0 * size_bytes / type.memory_bandwidth_bytes_per_s;
    case Opcode::kCompute:
    case Opcode::kSend:
    case Opcode::kWaitSend:
    case Opcode::kReceive:
    case Opcode::kFetchLoss:
      break;
  }
  return 0.0;
}

class Simulator {
 public:
  Simulator(const Program& program, const Cluster& cluster)
      : program_(program),
        cluster_(cluster),
        node_times_(program.training.graph, cluster),
        states_(program.devices.size()),
        transfers_(program.messages.size()) {
    MP_CHECK(cluster.devices.size() >= program.devices.size());
    out_.devices.resize(program.devices.size());
    std::size_t instructions = 0;
    for (const DeviceProgram& device : program.devices) instructions += device.instructions.size();
    out_.events.reserve(instructions);
  }

  Simulation run() && {
    for (const DeviceId d : ids<DeviceId>(states_.size())) ready_.emplace(0.0, d);
    while (!ready_.empty()) {
      const DeviceId d = ready_.top().second;
      ready_.pop();
      advance(d);
    }
    finish();
    return std::move(out_);
  }

 private:
  struct DeviceState {
    std::size_t position = 0;
    double now_s = 0.0;
  };
  struct Transfer {
    bool sent = false;
    bool awaited = false;  // its receiver has come to it
    double sent_s = 0.0;
    double arrival_s = 0.0;
  };

  // Runs the device until it has to wait for a message nobody has sent, or another device is behind it in time.
  void advance(DeviceId d) {
    const std::vector<Instruction>& list = program_.devices[d].instructions;
    DeviceState& state = states_[d];
    while (state.position < list.size()) {
      if (!ready_.empty() && ready_.top().first < state.now_s) {
        ready_.emplace(state.now_s, d);
        return;
      }
      if (!step(d, state, list[state.position])) return;
      ++state.position;
    }
  }

  // False: blocked; the send will wake the device.
  bool step(DeviceId d, DeviceState& state, const Instruction& instruction) {
    switch (instruction.opcode) {
      case Opcode::kCompute:
        work(d, state, node_times_(instruction.node, d));
        return true;
      case Opcode::kFeed:
      case Opcode::kCopy:
      case Opcode::kAccumulate:
        work(d, state, move_seconds(program_, instruction, cluster_.type_of(d)));
        return true;
      case Opcode::kSend:
        send(d, state, instruction.message);
        return true;
      case Opcode::kReceive:
      case Opcode::kWaitSend:
        return wait(d, state, instruction.message);
      case Opcode::kFetchLoss:
        return true;
    }
    return true;
  }

  void work(DeviceId d, DeviceState& state, double seconds) {
    if (seconds <= 0.0) return;
    const double start = state.now_s;
    state.now_s += seconds;
    out_.devices[index(d)].busy_s += seconds;
    out_.events.push_back({d, static_cast<std::int32_t>(state.position), start, state.now_s});
  }

  void send(DeviceId d, DeviceState& state, std::int32_t id) {
    const Message& message = program_.messages[static_cast<std::size_t>(id)];
    Transfer& transfer = transfers_[static_cast<std::size_t>(id)];
    LinkState& link = links_[{message.from, message.to}];
    const Link& wire = cluster_.link(message.from, message.to);
    const double start = std::max(state.now_s, link.free_s);
    transfer.sent = true;
    transfer.sent_s = state.now_s;
    transfer.arrival_s = start + wire.latency_s + static_cast<double>(message.size_bytes) / wire.bandwidth_bytes_per_s;
    link.free_s = transfer.arrival_s;
    link.bytes += message.size_bytes;
    out_.events.push_back({d, static_cast<std::int32_t>(state.position), start, transfer.arrival_s});
    if (transfer.awaited) ready_.emplace(states_[message.to].now_s, message.to);
  }

  bool wait(DeviceId d, DeviceState& state, std::int32_t id) {
    Transfer& transfer = transfers_[static_cast<std::size_t>(id)];
    transfer.awaited = !transfer.sent;
    if (!transfer.sent) return false;
    if (transfer.arrival_s > state.now_s) {
      out_.devices[index(d)].communication_s += transfer.arrival_s - std::max(state.now_s, transfer.sent_s);
      state.now_s = transfer.arrival_s;
    }
    return true;
  }

  void finish() {
    double busy_s = 0.0;
    int working = 0;
    for (const DeviceId d : ids<DeviceId>(states_.size())) {
      // A device that still waits would mean a program check_program refuses.
      MP_CHECK(states_[d].position == program_.devices[d].instructions.size());
      out_.step_time_s = std::max(out_.step_time_s, states_[d].now_s);
    }
    for (const DeviceId d : ids<DeviceId>(states_.size())) {
      DeviceTimes& times = out_.devices[index(d)];
      times.idle_s = std::max(0.0, out_.step_time_s - times.busy_s - times.communication_s);
      times.peak_memory_bytes = program_.devices[d].arena_bytes;
      busy_s += times.busy_s;
      working += times.busy_s > 0.0 ? 1 : 0;
    }
    if (working > 0) out_.bubble_fraction = std::max(0.0, 1.0 - busy_s / (working * out_.step_time_s));
    for (const auto& [ends, link] : links_) out_.links.push_back({ends.first, ends.second, link.bytes});
    std::stable_sort(out_.events.begin(), out_.events.end(),
                     [](const TimelineEvent& a, const TimelineEvent& b) { return a.start_s < b.start_s; });
  }

  struct LinkState {
    double free_s = 0.0;
    std::int64_t bytes = 0;
  };

  const Program& program_;
  const Cluster& cluster_;
  NodeTimes node_times_;
  IdVector<DeviceId, DeviceState> states_;
  std::vector<Transfer> transfers_;
  std::map<std::pair<DeviceId, DeviceId>, LinkState> links_;
  using Ready = std::pair<double, DeviceId>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;  // devices that can go on, earliest first
  Simulation out_;
};

}  // namespace

Simulation simulate(const Program& program, const Cluster& cluster) { return Simulator(program, cluster).run(); }

}  // namespace mp
