#include "lib/program/simulate.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/cluster/route.hpp"
#include "lib/costs/wake_ups.hpp"
#include "lib/program/collective_cost.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/instruction_times.hpp"

namespace mp {
namespace {

// A profile is of one machine: all types have the same.
WakeUps wake_ups_of(const Cluster& cluster) {
  const auto& measured = cluster.types.front().measured;
  return measured ? WakeUps(*measured) : WakeUps();
}

class Simulator {
 public:
  Simulator(const Program& program, const Cluster& cluster)
      : program_(program),
        cluster_(cluster),
        times_(program.training.graph, cluster),
        wake_ups_(wake_ups_of(cluster)),
        routes_(cluster),
        resource_free_s_(static_cast<std::size_t>(routes_.resources()), 0.0),
        states_(program.devices.size()),
        transfers_(program.messages.size()),
        exchanges_(program.collectives.size()) {
    MP_CHECK(cluster.devices.size() >= program.devices.size());
    out_.devices.resize(program.devices.size());
    std::size_t instructions = 0;
    for (const DeviceProgram& device : program.devices) instructions += device.instructions.size();
    out_.events.reserve(instructions);
  }

  Simulation run() && {
    for (const DeviceId d : ids<DeviceId>(states_.size())) {
      states_[d].now_s = cluster_.step_overhead_s;
      ready_.emplace(states_[d].now_s, d);
    }
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
    double busy_until_s = 0.0;  // end of the last work
  };
  struct Transfer {
    bool sent = false;
    bool arrived = false;       // arrival_s is known
    bool awaited = false;       // its receiver has come to it
    bool held = false;          // its sender waits for it to leave
    std::int32_t position = 0;  // of the kSend in its device's list
    double sent_s = 0.0;
    double arrival_s = 0.0;
  };

  // A collective on its way.
  struct Exchange {
    std::vector<std::pair<DeviceId, std::int32_t>> starts;  // and where in its list
    std::vector<DeviceId> waiting;
    double begin_s = 0.0;
    double done_s = -1.0;  // −1: not known yet
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
      case Opcode::kFeed:
      case Opcode::kCopy:
      case Opcode::kAccumulate:
        work(d, state, times_(d, instruction, active_with(d, state.now_s)));
        return true;
      case Opcode::kSend:
        send(state, instruction.message);
        return true;
      case Opcode::kReceive:
        return receive(d, state, instruction.message);
      case Opcode::kWaitSend:
        return wait_send(d, state, instruction.message);
      case Opcode::kStartCollective:
        start_collective(d, state, instruction.collective);
        return true;
      case Opcode::kFinishCollective:
        return finish_collective(d, state, instruction.collective);
      case Opcode::kFetchLoss:
        return true;
    }
    return true;
  }

  // Devices of the host that are at work as `d` starts to be, itself among them. Devices are run in the order of their
  // times, so what the others do at that moment is known.
  [[nodiscard]] std::int32_t active_with(DeviceId d, double now_s) const {
    if (!times_.depends_on_active()) return 1;
    std::int32_t active = 1;
    for (const DeviceId other : ids<DeviceId>(states_.size())) {
      const bool shares = other != d && cluster_.devices[other].host == cluster_.devices[d].host;
      active += shares && states_[other].busy_until_s > now_s ? 1 : 0;
    }
    return active;
  }

  void work(DeviceId d, DeviceState& state, double seconds) {
    if (seconds <= 0.0) return;
    const double start = state.now_s;
    state.now_s += seconds;
    state.busy_until_s = state.now_s;
    out_.devices[index(d)].busy_s += seconds;
    out_.events.push_back({d, static_cast<std::int32_t>(state.position), start, state.now_s});
  }

  void send(DeviceState& state, std::int32_t id) {
    const Message& message = program_.messages[static_cast<std::size_t>(id)];
    Transfer& transfer = transfers_[static_cast<std::size_t>(id)];
    LinkState& link = links_[{message.from, message.to}];
    link.bytes += message.size_bytes;
    transfer.sent = true;
    transfer.sent_s = state.now_s;
    transfer.position = static_cast<std::int32_t>(state.position);
    if (cluster_.transfer_by == TransferBy::kBackground) {
      const double start = std::max(state.now_s, link.free_s);
      arrive(message, transfer, occupy(message, start), routes_(message.from, message.to));
      link.free_s = transfer.arrival_s;
    }
    if (!transfer.awaited) return;
    const double waiting_since_s = states_[message.to].now_s;
    ready_.emplace(waiting_since_s, message.to);
    if (cluster_.transfer_by == TransferBy::kReceiver) wake(message.from, state, waiting_since_s);
  }

  // What a device's word costs it when another has waited for it; `now_s` of the state is when it is said.
  void wake(DeviceId d, DeviceState& state, double waiting_since_s) {
    const double seconds = wake_ups_.after(state.now_s - waiting_since_s).sender_s;
    state.now_s += seconds;
    out_.devices[index(d)].communication_s += seconds;
  }

  // When everything on the message's way is free, from `earliest_s` on; keeps it busy from then.
  double occupy(const Message& message, double earliest_s) {
    const Route route = routes_(message.from, message.to);
    for (const RouteHop& hop : route.hops()) {
      earliest_s = std::max(earliest_s, resource_free_s_[static_cast<std::size_t>(hop.resource)]);
    }
    for (const RouteHop& hop : route.hops()) {
      resource_free_s_[static_cast<std::size_t>(hop.resource)] =
          earliest_s + static_cast<double>(message.size_bytes) / hop.bytes_per_s;
    }
    return earliest_s;
  }

  void arrive(const Message& message, Transfer& transfer, double start_s, const Route& route) {
    transfer.arrived = true;
    transfer.arrival_s = start_s + route.seconds(message.size_bytes);
    out_.events.push_back({message.from, transfer.position, start_s, transfer.arrival_s});
  }

  bool receive(DeviceId d, DeviceState& state, std::int32_t id) {
    Transfer& transfer = transfers_[static_cast<std::size_t>(id)];
    transfer.awaited = !transfer.sent;
    if (!transfer.sent) return false;
    if (!transfer.arrived) {  // the receiver copies: at once if the message is there, else when it is told of it
      const Message& message = program_.messages[static_cast<std::size_t>(id)];
      Route route = routes_(message.from, message.to);
      if (state.now_s > transfer.sent_s) {
        route.latency_s = 0.0;
      } else {
        route.latency_s += wake_ups_.after(transfer.sent_s - state.now_s).receiver_s;
      }
      arrive(message, transfer, occupy(message, std::max(state.now_s, transfer.sent_s)), route);
      if (transfer.held) {
        const double waiting_since_s = states_[message.from].now_s;
        ready_.emplace(waiting_since_s, message.from);
        wait_until(d, state, transfer.arrival_s, transfer.sent_s);
        wake(d, state, waiting_since_s);
        return true;
      }
    }
    wait_until(d, state, transfer.arrival_s, transfer.sent_s);
    return true;
  }

  bool wait_send(DeviceId d, DeviceState& state, std::int32_t id) {
    Transfer& transfer = transfers_[static_cast<std::size_t>(id)];
    transfer.held = !transfer.arrived;
    if (!transfer.arrived) return false;
    double gone_s = transfer.arrival_s;
    if (cluster_.transfer_by == TransferBy::kReceiver && gone_s > state.now_s) {  // the receiver has to tell it
      const Message& message = program_.messages[static_cast<std::size_t>(id)];
      gone_s += cluster_.link(message.to, message.from).latency_s + wake_ups_.after(gone_s - state.now_s).receiver_s;
    }
    wait_until(d, state, gone_s, transfer.sent_s);
    return true;
  }

  void start_collective(DeviceId d, const DeviceState& state, std::int32_t id) {
    const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
    Exchange& exchange = exchanges_[static_cast<std::size_t>(id)];
    exchange.starts.push_back({d, static_cast<std::int32_t>(state.position)});
    exchange.begin_s = std::max(exchange.begin_s, state.now_s);
    if (exchange.starts.size() < collective.members.size()) return;
    run_collective(collective, exchange);
    for (const DeviceId waiting : exchange.waiting) ready_.emplace(states_[waiting].now_s, waiting);
  }

  // All members are there: their ring is taken from when it is free, one collective of a communicator after another.
  void run_collective(const Collective& collective, Exchange& exchange) {
    const CollectiveCost cost = cost_of(collective, routes_);
    double& communicator_free_s = communicators_[{is_sum(collective.kind), collective.members}];
    exchange.begin_s = std::max(exchange.begin_s, communicator_free_s);
    for (const RingHop& hop : cost.hops) {
      exchange.begin_s = std::max(exchange.begin_s, links_[{hop.from, hop.to}].free_s);
      const Route route = routes_(hop.from, hop.to);
      for (const RouteHop& part : route.hops()) {
        exchange.begin_s = std::max(exchange.begin_s, resource_free_s_[static_cast<std::size_t>(part.resource)]);
      }
    }
    exchange.done_s = exchange.begin_s + cost.seconds;
    communicator_free_s = exchange.done_s;
    for (const RingHop& hop : cost.hops) {
      LinkState& link = links_[{hop.from, hop.to}];
      link.bytes += hop.bytes;
      link.free_s = exchange.done_s;
      const Route route = routes_(hop.from, hop.to);
      for (const RouteHop& part : route.hops()) {
        double& free_s = resource_free_s_[static_cast<std::size_t>(part.resource)];
        free_s = std::max(free_s, exchange.begin_s) + static_cast<double>(hop.bytes) / part.bytes_per_s;
      }
    }
    for (const auto& [device, position] : exchange.starts) {
      out_.events.push_back({device, position, exchange.begin_s, exchange.done_s});
    }
  }

  // False: somebody has not started yet; the last who does will wake the device.
  bool finish_collective(DeviceId d, DeviceState& state, std::int32_t id) {
    Exchange& exchange = exchanges_[static_cast<std::size_t>(id)];
    if (exchange.done_s < 0.0) {
      exchange.waiting.push_back(d);
      return false;
    }
    wait_until(d, state, exchange.done_s, exchange.begin_s);
    return true;
  }

  void wait_until(DeviceId d, DeviceState& state, double until_s, double since_s) {
    if (until_s <= state.now_s) return;
    out_.devices[index(d)].communication_s += until_s - std::max(state.now_s, since_s);
    state.now_s = until_s;
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
  InstructionTimes times_;
  WakeUps wake_ups_;
  Routes routes_;
  std::vector<double> resource_free_s_;
  IdVector<DeviceId, DeviceState> states_;
  std::vector<Transfer> transfers_;
  std::vector<Exchange> exchanges_;                                         // beside Program::collectives
  std::map<std::pair<bool, std::vector<DeviceId>>, double> communicators_;  // of sums or not: when they are free
  std::map<std::pair<DeviceId, DeviceId>, LinkState> links_;
  using Ready = std::pair<double, DeviceId>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;  // devices that can go on, earliest first
  Simulation out_;
};

}  // namespace

Simulation simulate(const Program& program, const Cluster& cluster) { return Simulator(program, cluster).run(); }

}  // namespace mp
