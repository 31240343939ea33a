// When collectives begin in the simulator, and how traces show them.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/program/collective_cost.hpp"
#include "lib/program/collectives.hpp"
#include "lib/program/simulate.hpp"
#include "lib/program/trace.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

// As two of configs/clusters/8xh100.json.
Cluster two_gpus() {
  Cluster cluster = uniform_cluster(2);
  DeviceType& type = cluster.types.front();
  type.flops_per_s = {{DataType::kFloat32, 66.9e12}};
  type.memory_bandwidth_bytes_per_s = 3.35e12;
  type.launch_overhead_s = 3e-6;
  cluster.within_host = {.latency_s = 8e-6, .bandwidth_bytes_per_s = 450e9};
  cluster.shared = {.device_port_bytes_per_s = 450e9};
  return cluster;
}

ReplicaGroup all_of(const Cluster& cluster) {
  ReplicaGroup group;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) group.push_back(d);
  return group;
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

TEST_CASE("a collective begins when its last member does", "[program][collectives][simulate]") {
  const Cluster cluster = two_gpus();
  const TrainingGraph training = layers(1, 1024, 2);
  const Program program = with_collectives(compile(training, on_first(training), replicated(cluster, 0)), cluster);
  REQUIRE(program.collectives.size() == 1);
  Cluster slow = cluster;  // the other member computes much slower
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
  const Cluster cluster = two_gpus();
  const TrainingGraph training = layers(3, 1024, 2);
  CompileOptions options = replicated(cluster, 3);
  options.collectives = true;
  const Program program = with_collectives(compile(training, on_first(training), options), cluster);
  REQUIRE_FALSE(program.collectives.empty());
  const Trace trace = trace_of(program, cluster, simulate(program, cluster));
  REQUIRE(std::count(trace.tracks.begin(), trace.tracks.end(), "device 1 sums") == 1);
  REQUIRE(std::count(trace.tracks.begin(), trace.tracks.end(), "device 1 values") == 1);
  std::vector<double> end_s(trace.tracks.size(), 0.0);
  for (const TraceSpan& span : trace.spans) {
    CHECK(span.start_s >= end_s[span.track] - 1e-12);  // Perfetto nests what overlaps
    end_s[span.track] = span.end_s;
    if (trace.tracks[span.track] == "device 1 values") CHECK(span.name.rfind("all-gather ", 0) == 0);
  }
}
