// What it costs that devices sleep while they wait for each other. Every time is calculated by hand.
#include <memory>

#include "lib/costs/wake_ups.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/simulate.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::MeasuredTimes;
using mp::WakeUps;

namespace {

// A value of 10 B from device 0, made in 1 s, to device 1, which reads it for 1 s.
mp::Program hand_over() {
  mp::GraphBuilder builder("two");
  mp::TensorId last = mp::kNone<mp::TensorId>;
  for (const char* name : {"make", "read"}) {
    mp::Node node;
    node.name = name;
    node.op = &mp::opaque_operator();
    node.op_name = "Stage";
    node.cost = mp::MeasuredCost{1.0, 0.0, 0, {10}};
    if (last != mp::kNone<mp::TensorId>) node.inputs = {last};
    last = builder.peek().node(builder.add_node(std::move(node), {std::string(name) + ".out"})).outputs[0];
  }
  mp::Program program;
  program.training = differentiate(std::move(builder).build(), {});
  program.devices.resize(2);
  const mp::TensorId value = program.training.graph.node(mp::NodeId{0}).outputs[0];
  program.messages = {{.tensor = value, .microbatch = 0, .from = DeviceId{0}, .to = DeviceId{1}, .size_bytes = 10}};
  program.devices[DeviceId{0}].instructions = {{.opcode = mp::Opcode::kCompute, .node = mp::NodeId{0}},
                                               {.opcode = mp::Opcode::kSend, .tensor = value, .message = 0},
                                               {.opcode = mp::Opcode::kWaitSend, .tensor = value, .message = 0}};
  program.devices[DeviceId{1}].instructions = {{.opcode = mp::Opcode::kReceive, .tensor = value, .message = 0},
                                               {.opcode = mp::Opcode::kCompute, .node = mp::NodeId{1}}};
  return program;
}

MeasuredTimes sleepers() {
  MeasuredTimes times;
  add_wake_up(times, {.waited_s = 1.5, .receiver_s = 0.4, .sender_s = 0.25});
  add_wake_up(times, {.waited_s = 0.5, .receiver_s = 0.1, .sender_s = 0.0});
  return times;
}

mp::Cluster cluster_of(MeasuredTimes measured) {
  mp::Cluster cluster = mp::uniform_cluster(2);
  cluster.within_host = {.latency_s = 0.5, .bandwidth_bytes_per_s = 20.0};
  cluster.transfer_by = mp::TransferBy::kReceiver;
  cluster.types[0].measured = std::make_shared<const MeasuredTimes>(std::move(measured));
  return cluster;
}

}  // namespace

TEST_CASE("what waking up costs lies between what was measured", "[costs]") {
  CHECK(WakeUps(MeasuredTimes{}).after(3.0) == mp::WakeUp{.waited_s = 3.0});
  MeasuredTimes times = sleepers();
  times.times["wake-up: after all us"] = {9.0, 9.0};  // none of ours
  const WakeUps wake_ups(times);
  CHECK(wake_ups.measured().size() == 2);
  CHECK(wake_ups.after(0.0).receiver_s == 0.1);
  CHECK(wake_ups.after(0.75).receiver_s == Approx(0.175));
  CHECK(wake_ups.after(0.75).sender_s == Approx(0.0625));
  CHECK(wake_ups.after(9.0).receiver_s == 0.4);
}

// The message leaves at 1 s. Device 1 has slept for 1 s: the message is there 0.5 + 0.25 + 0.5 s later, and its sender
// has lost 0.125 s. From 1.125 s on that waits for the word that it was taken: for 1.125 s, then 0.5 + 0.2875 s more.
// Who gives the word loses nothing, since it came to the message first.
TEST_CASE("who sleeps is woken up, at the cost of both", "[program][simulate]") {
  const mp::Simulation awake = simulate(hand_over(), cluster_of({}));
  CHECK(awake.step_time_s == Approx(1.0 + 0.5 + 0.5 + 1.0));
  CHECK(awake.devices[0].communication_s == Approx(1.5));
  const mp::Simulation asleep = simulate(hand_over(), cluster_of(sleepers()));
  CHECK(asleep.step_time_s == Approx(1.0 + 1.25 + 1.0));
  CHECK(asleep.devices[0].communication_s == Approx(0.125 + (2.25 + 0.5 + 0.2875 - 1.125)));
  CHECK(asleep.devices[1].communication_s == Approx(1.25));
  mp::Cluster background = cluster_of(sleepers());
  background.transfer_by = mp::TransferBy::kBackground;  // nobody is woken up
  CHECK(simulate(hand_over(), background).step_time_s == Approx(3.0));
}
