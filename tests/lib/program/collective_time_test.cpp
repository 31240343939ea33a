// How collectives take time: over hosts, in the simulator, and beside messages.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/program/collective_cost.hpp"
#include "lib/program/collectives.hpp"
#include "lib/program/compile_with_collectives.hpp"
#include "lib/program/memory_profile.hpp"
#include "lib/program/trace.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

struct Hosts {
  std::int32_t hosts = 1;
  std::int32_t devices = 4;  // of each
};

// As configs/clusters/2x8xh100.json, of so many hosts.
Cluster gpus(const Hosts& size) {
  Cluster cluster = uniform_cluster(size.hosts * size.devices);
  DeviceType& type = cluster.types.front();
  type.flops_per_s = {{DataType::kFloat32, 66.9e12}};
  type.memory_bandwidth_bytes_per_s = 3.35e12;
  type.launch_overhead_s = 3e-6;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    cluster.devices[d].host = static_cast<std::int32_t>(index(d)) / size.devices;
  }
  cluster.within_host = {.latency_s = 8e-6, .bandwidth_bytes_per_s = 450e9};
  cluster.between_hosts = {.latency_s = 15e-6, .bandwidth_bytes_per_s = 50e9};
  cluster.shared = {.device_port_bytes_per_s = 450e9, .host_network_bytes_per_s = 400e9};
  return cluster;
}

ReplicaGroup all_of(const Cluster& cluster) {
  ReplicaGroup group;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) group.push_back(d);
  return group;
}

Collective sum_of(const Cluster& cluster, std::int64_t size_bytes) {
  return {.kind = CollectiveKind::kAllReduce, .members = all_of(cluster), .size_bytes = size_bytes};
}

std::int64_t bytes_between(const std::vector<RingHop>& hops, const Cluster& cluster) {
  std::int64_t sum = 0;
  for (const RingHop& hop : hops) {
    if (cluster.devices[hop.from].host != cluster.devices[hop.to].host) sum += hop.bytes;
  }
  return sum;
}

TrainingGraph layers(std::int64_t count, std::int64_t width, std::int32_t microbatches) {
  return differentiate(mp::test::equal_layers(count, width),
                       {.optimizer = {.kind = OptimizerKind::kAdam}, .microbatches = microbatches});
}

CompileOptions replicated(const Cluster& cluster, std::int32_t zero) {
  return {.devices = static_cast<std::int32_t>(cluster.devices.size()),
          .cluster = &cluster,
          .replicas = {all_of(cluster)},
          .zero = zero};
}

// Everything on the leader.
Placement on_first(const TrainingGraph& training) {
  return Placement(static_cast<std::size_t>(training.forward_nodes), d0);
}

}  // namespace

TEST_CASE("a ring leaves a host by the network cards of all its members", "[program][collectives]") {
  const Cluster cluster = gpus({.hosts = 2, .devices = 8});
  const Routes routes(cluster);
  const std::int64_t size_bytes = 1'600'000'000;
  const CollectiveCost cost = cost_of(sum_of(cluster, size_bytes), routes);
  // The tree is faster between two hosts: each sends the other 1.6 GB over 8 cards of 50 GB/s, while 3.2 GB, and
  // an eighth of 1.6, pass the port of a member at 450 GB/s.
  CHECK(bytes_between(cost.hops, cluster) == 2 * size_bytes);
  CHECK(cost.seconds == Approx(14 * 8e-6 + 2 * 15e-6 + 3.4e9 / 450e9));
  Cluster without_cards = cluster;  // one way between the hosts: the ring's bytes at the pace of the network
  without_cards.shared.host_network_bytes_per_s = 50e9;
  const Routes slow(without_cards);
  CHECK(cost_of(sum_of(without_cards, size_bytes), slow).seconds == Approx(1.6e9 / 50e9).epsilon(0.01));
}

TEST_CASE("over many hosts a ring moves fewer bytes than a tree, and a tree has fewer steps",
          "[program][collectives]") {
  const Cluster cluster = gpus({.hosts = 8, .devices = 1});
  const Routes routes(cluster);
  const double ring_s = cost_of(sum_of(cluster, 800'000'000), routes).seconds;
  CHECK(ring_s == Approx(14 * 15e-6 + 1.4e9 / 50e9));
  const double tree_s = cost_of(sum_of(cluster, 8), routes).seconds;
  CHECK(tree_s == Approx(2 * 3 * 15e-6).epsilon(0.01));
}

TEST_CASE("members of a host that follow each other in no order make the same ring", "[program][collectives]") {
  const Cluster cluster = gpus({.hosts = 2, .devices = 4});
  Collective sum = sum_of(cluster, 80'000'000);
  const double seconds = cost_of(sum, Routes(cluster)).seconds;
  for (std::size_t i = 0; i < 4; i += 2) std::swap(sum.members[i], sum.members[i + 4]);
  CHECK(cost_of(sum, Routes(cluster)).seconds == Approx(seconds));
  sum.kind = CollectiveKind::kReduceScatter;
  for (const DeviceId d : sum.members) sum.pieces.push_back({d, 1, 10'000'000});
  const CollectiveCost scatter = cost_of(sum, Routes(cluster));
  CHECK(bytes_between(scatter.hops, cluster) == 2 * 70'000'000);
  CHECK(scatter.seconds == Approx(6 * 8e-6 + 15e-6 + 70e6 / 4 / 50e9));
}

TEST_CASE("a collective begins when its last member does", "[program][collectives][simulate]") {
  const Cluster cluster = gpus({.hosts = 1, .devices = 2});
  const TrainingGraph training = layers(1, 1024, 2);
  const Program program = with_collectives(compile(training, on_first(training), replicated(cluster, 0)), cluster);
  REQUIRE(program.collectives.size() == 1);
  Cluster slow = cluster;  // the other member computes at half the pace
  slow.types.push_back(slow.types.front());
  slow.types.back().flops_per_s = {{DataType::kFloat32, 1e12}};
  slow.devices[d1].type = 1;
  const Simulation simulation = simulate(program, slow);
  const double took_s = cost_of(program.collectives.front(), Routes(slow)).seconds;
  double last_pass_s = 0.0;
  double begun_s = 0.0;
  for (const TimelineEvent& event : simulation.events) {
    const Instruction& instruction =
        program.devices[event.device].instructions[static_cast<std::size_t>(event.instruction)];
    if (instruction.opcode == Opcode::kStartCollective) begun_s = event.start_s;
    const bool is_pass = instruction.opcode == Opcode::kCompute && instruction.microbatch >= 0;
    if (is_pass && event.device == d1) last_pass_s = std::max(last_pass_s, event.end_s);
  }
  CHECK(begun_s == Approx(last_pass_s));
  CHECK(simulation.devices[0].communication_s == Approx(took_s));  // what was waited for the other is idle
  CHECK(simulation.links.size() == 2);
}

TEST_CASE("a trace has rows for collectives", "[program][collectives][trace]") {
  const Cluster cluster = gpus({.hosts = 1, .devices = 2});
  const TrainingGraph training = layers(3, 1024, 2);
  const CompileOptions options = replicated(cluster, 3);
  const SimulatedProgram step = compile_with_collectives(training, on_first(training), options);
  REQUIRE_FALSE(step.program.collectives.empty());
  const Trace trace = trace_of(step.program, cluster, step.simulation);
  REQUIRE(std::count(trace.tracks.begin(), trace.tracks.end(), "device 1 sums") == 1);
  REQUIRE(std::count(trace.tracks.begin(), trace.tracks.end(), "device 1 values") == 1);
  std::vector<double> end_s(trace.tracks.size(), 0.0);
  for (const TraceSpan& span : trace.spans) {
    CHECK(span.start_s >= end_s[span.track] - 1e-12);  // Perfetto nests what overlaps
    end_s[span.track] = span.end_s;
    if (trace.tracks[span.track] == "device 1 values") CHECK(span.name.rfind("all-gather ", 0) == 0);
  }
}

TEST_CASE("collectives never make a step longer, and messages stay where latencies weigh more",
          "[program][collectives][simulate]") {
  std::int32_t number = 0;
  int by_collectives = 0;
  int by_messages = 0;
  for (const Hosts size : {Hosts{1, 2}, {1, 8}, {2, 1}, {2, 8}, {4, 2}, {8, 1}, {8, 8}}) {
    const Cluster cluster = gpus(size);
    const auto members = static_cast<std::int32_t>(cluster.devices.size());
    for (std::int32_t zero = 0; zero <= 3; ++zero) {
      const std::int64_t width = ++number % 3 == 0 ? 32 : 2048;
      const auto microbatches = static_cast<std::int32_t>(members > 16 ? 1 : 1 + number % 8);
      CAPTURE(size.hosts, size.devices, zero, width, microbatches);
      const TrainingGraph training = layers(3, width, members * microbatches);
      const CompileOptions options = replicated(cluster, zero);
      const SimulatedProgram step = compile_with_collectives(training, on_first(training), options);
      const Program plain = compile(training, on_first(training), options);
      CHECK(step.simulation.step_time_s <= simulate(plain, cluster).step_time_s);
      CHECK(step.simulation.step_time_s == simulate(step.program, cluster).step_time_s);
      ++(step.program.collectives.empty() ? by_messages : by_collectives);
    }
  }
  CHECK(by_collectives >= 8);
  CHECK(by_messages >= 1);
}

TEST_CASE("a transport without collectives has messages alone", "[program][collectives]") {
  const Cluster cluster = gpus({.hosts = 1, .devices = 4});
  const TrainingGraph training = layers(2, 4096, 4);
  CompileOptions options = replicated(cluster, 0);
  options.collectives = true;
  CHECK_FALSE(compile_and_simulate(training, on_first(training), options, cluster).program.collectives.empty());
  options.collectives = false;
  CHECK(compile_and_simulate(training, on_first(training), options, cluster).program.collectives.empty());
}
