// What devices share: capacities of links, and the cores they compute on. Every time is calculated by hand.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/costs/signature.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/simulate.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Program;

namespace {

// `pairs` chains of two nodes side by side: s0 on device 2·i, s1 on device 2·i + 1; forward 1 s, backward 2 s, 10 B
// between them. Chains of one graph, tied by nothing.
Program chains(std::int32_t pairs) {
  mp::GraphBuilder builder("chains");
  for (std::int32_t i = 0; i < pairs; ++i) {
    mp::TensorId last = mp::kNone<mp::TensorId>;
    for (std::int32_t stage = 0; stage < 2; ++stage) {
      mp::Node node;
      node.name = "c" + std::to_string(i) + "s" + std::to_string(stage);
      node.op = &mp::opaque_operator();
      node.op_name = "Stage";
      node.cost = mp::MeasuredCost{1.0, 2.0, 0, {10}};
      if (stage > 0) node.inputs = {last};
      const std::string output = node.name + ".out";
      last = builder.peek().node(builder.add_node(std::move(node), {output})).outputs[0];
    }
  }
  const mp::Graph forward = std::move(builder).build();
  mp::Placement placement(forward.nodes().size(), DeviceId{0});
  for (const mp::NodeId n : mp::ids<mp::NodeId>(placement.size())) placement[n] = mp::make_id<DeviceId>(mp::index(n));
  return compile(differentiate(forward, {}), std::move(placement), {.devices = 2 * pairs});
}

mp::Cluster cluster_of(std::int32_t devices) {
  mp::Cluster cluster = mp::uniform_cluster(devices);
  cluster.within_host = {.latency_s = 0.5, .bandwidth_bytes_per_s = 20.0};
  return cluster;
}

}  // namespace

// Alone: 1 s, 0.5 s + 10 B / (20 B/s), 1 + 2 s, 1 s, 2 s = 8 s. On a bus of 20 B/s the second chain's message waits 0.5
// s for the first's 10 B, forward; the first chain's gradient comes 0.5 s earlier then, and they do not meet again.
TEST_CASE("messages wait for the capacities they share", "[program][simulate][contention]") {
  const Program program = chains(2);
  mp::Cluster cluster = cluster_of(4);
  CHECK(simulate(program, cluster).step_time_s == Approx(8.0));
  cluster.shared.host_bus_bytes_per_s = 20.0;
  CHECK(simulate(program, cluster).step_time_s == Approx(8.5));
  cluster.shared.host_bus_bytes_per_s = 1000.0;  // both fit
  CHECK(simulate(program, cluster).step_time_s == Approx(8.01));
  cluster.shared = {.device_port_bytes_per_s = 20.0};  // of different devices: nothing is shared
  CHECK(simulate(program, cluster).step_time_s == Approx(8.0));
}

TEST_CASE("a step's overhead comes first", "[program][simulate]") {
  mp::Cluster cluster = cluster_of(2);
  cluster.step_overhead_s = 0.25;
  CHECK(simulate(chains(1), cluster).step_time_s == Approx(8.25));
}

// Device 1 has nothing to do before, so that it waits for the message: the same 8 s. Busy until 5 s with another node,
// it takes the message, which is there since 1 s, at once, and copies for 0.5 s.
TEST_CASE("a receiver that copies does so when it comes to its receive", "[program][simulate][contention]") {
  mp::Cluster cluster = cluster_of(2);
  cluster.transfer_by = mp::TransferBy::kReceiver;
  const mp::Simulation simulation = simulate(chains(1), cluster);
  CHECK(simulation.step_time_s == Approx(8.0));
  CHECK(simulation.devices[1].busy_s == Approx(3.0));

  mp::Program program;
  program.training = chains(1).training;
  program.devices.resize(2);
  const mp::TensorId value = program.training.graph.node(mp::NodeId{0}).outputs[0];
  program.messages = {{.tensor = value, .microbatch = 0, .from = DeviceId{0}, .to = DeviceId{1}, .size_bytes = 10}};
  program.devices[DeviceId{0}].instructions = {{.opcode = mp::Opcode::kCompute, .node = mp::NodeId{0}},
                                               {.opcode = mp::Opcode::kSend, .tensor = value, .message = 0},
                                               {.opcode = mp::Opcode::kWaitSend, .tensor = value, .message = 0}};
  program.devices[DeviceId{1}].instructions.assign(5, {.opcode = mp::Opcode::kCompute, .node = mp::NodeId{1}});
  program.devices[DeviceId{1}].instructions.push_back({.opcode = mp::Opcode::kReceive, .tensor = value, .message = 0});
  const mp::Simulation late = simulate(program, cluster);
  CHECK(late.step_time_s == Approx(6.0));
  CHECK(late.devices[0].communication_s == Approx(5.0));
  CHECK(late.devices[1].communication_s == Approx(0.5));
  cluster.transfer_by = mp::TransferBy::kBackground;
  CHECK(simulate(program, cluster).step_time_s == Approx(5.0));
}

// Two independent layers of one kind, each alone 1 s and 1.5 s beside the other.
TEST_CASE("measured times grow with the devices at work", "[program][simulate][contention]") {
  const mp::Graph forward = mp::test::two_layers();
  mp::Program program;
  program.training = differentiate(forward, {});
  program.devices.resize(2);
  const mp::NodeId node{1};
  mp::Cluster cluster = mp::uniform_cluster(2);
  const std::string name = signature(program.training.graph, node);
  cluster.types[0].measured =
      std::make_shared<const mp::MeasuredTimes>(mp::MeasuredTimes{.devices = 2, .times = {{name, {1.0, 1.5}}}});
  program.devices[DeviceId{0}].instructions.assign(4, {.opcode = mp::Opcode::kCompute, .node = node});
  CHECK(simulate(program, cluster).step_time_s == Approx(4.0));
  program.devices[DeviceId{1}].instructions.assign(4, {.opcode = mp::Opcode::kCompute, .node = node});
  // The first starts while the other is still about to: alone.
  const mp::Simulation both = simulate(program, cluster);
  CHECK(both.devices[0].busy_s == Approx(1.0 + 3 * 1.5));
  CHECK(both.devices[1].busy_s == Approx(4 * 1.5));
  cluster.devices[DeviceId{1}].host = 1;  // shares nothing
  CHECK(simulate(program, cluster).step_time_s == Approx(4.0));
}
