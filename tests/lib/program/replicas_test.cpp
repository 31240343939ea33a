// Replicas and ZeRO as programs: what is sent, added and kept where.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "lib/training/recompute.hpp"
#include "lib/training/recompute_choice.hpp"
#include "tests/lib/support/faults.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::complains;
using mp::test::first_of;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};
constexpr DeviceId d2{2};

const Optimizer kMomentum{.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.0};

struct Setting {
  std::int32_t microbatches = 2;
  std::int32_t zero = 0;
  std::int32_t devices = 2;
  std::vector<ReplicaGroup> replicas = {{d0, d1}};
  Schedule schedule = Schedule::k1f1b;
  std::int64_t bucket_bytes = kDefaultBucketBytes;
};

Program compiled(const Graph& forward, const Placement& placement, const Setting& setting) {
  return compile(differentiate(forward, {.optimizer = kMomentum, .microbatches = setting.microbatches}), placement,
                 {.schedule = setting.schedule,
                  .devices = setting.devices,
                  .replicas = setting.replicas,
                  .zero = setting.zero,
                  .bucket_bytes = setting.bucket_bytes});
}

std::int64_t parameter_bytes(const Program& program, DeviceId device, const std::string& name) {
  std::int64_t sum = 0;
  for (const Buffer& buffer : program.devices[device].buffers) {
    if (buffer.role != BufferRole::kParameter) continue;
    if (program.training.graph.tensor(buffer.tensor).name.find(name) != std::string::npos) sum += buffer.size_bytes;
  }
  return sum;
}

std::int64_t bytes_sent(const Program& program) {
  std::int64_t sum = 0;
  for (const Message& message : program.messages) sum += message.size_bytes;
  return sum;
}

// The first instruction of a device with this opcode that concerns no single microbatch.
Instruction& once_a_step(Program& program, DeviceId device, Opcode opcode) {
  return first_of(program, device, [&](const Instruction& i) { return i.opcode == opcode && i.microbatch < 0; });
}

}  // namespace

TEST_CASE("each replica runs its microbatches, and the owner of a parameter adds the gradients",
          "[program][replicas]") {
  const Graph forward = mp::test::two_layers();
  const Program program = compiled(forward, Placement(3, d0), {});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(to_text(program, d1) ==
        "FEED x mb1\n"
        "F fc1 mb1\n"
        "F fc2 mb1\n"
        "FEED target mb1\n"
        "F loss mb1\n"
        "LOSS loss mb1\n"
        "B loss.grad mb1\n"
        "B loss.grad.X mb1\n"
        "B fc2.grad.A mb1\n"
        "B fc2.grad.B mb1\n"
        "B fc1.grad.B mb1\n"
        "B fc1.grad.C.sum mb1\n"
        "SEND fc1.grad.B + 1 -> device 0\n"
        "RECEIVE fc2.grad.B <- device 0\n"
        "ADD fc2.grad.B\n"
        "SEND fc2.grad.B -> device 0\n"
        "U fc2.weight.update\n"
        "WAIT fc1.grad.B + 1 -> device 0\n"
        "RECEIVE fc1.grad.B + 1 <- device 0\n"
        "U fc1.weight.update\n"
        "U fc1.bias.update\n"
        "WAIT fc2.grad.B -> device 0\n");
}

TEST_CASE("broken replicas are found", "[program][replicas][check]") {
  const Graph forward = mp::test::two_layers();
  const Setting three{.microbatches = 5, .devices = 3, .replicas = {{d0, d1, d2}}};
  Program program = compiled(forward, Placement(3, d0), three);
  REQUIRE(check_program(program) == std::vector<std::string>{});
  SECTION("replicas added in another order than the group's") {
    Instruction& first = once_a_step(program, d0, Opcode::kReceive);
    for (Instruction& other : program.devices[d0].instructions) {
      if (other.opcode == Opcode::kReceive && other.tensor == first.tensor && other.message != first.message) {
        std::swap(first.message, other.message);
        break;
      }
    }
    CHECK(complains(program, "of replica 1, but finds"));
  }
  SECTION("an update with the sum of its own microbatches alone") {
    const std::vector<Instruction>& list = program.devices[d0].instructions;
    const auto update = std::find_if(list.begin(), list.end(), [](const Instruction& instruction) {
      return instruction.opcode == Opcode::kCompute && instruction.microbatch < 0;
    });
    const auto gradient = program.training.graph.node(update->node).inputs[1];
    for (Program::Step& step : program.order) {
      Instruction& instruction = program.devices[step.device].instructions[static_cast<std::size_t>(step.instruction)];
      const bool adds = instruction.opcode == Opcode::kAccumulate && instruction.tensor == gradient;
      if (adds && instruction.microbatch < 0) instruction.inputs = instruction.outputs;
    }
    CHECK(complains(program, "but finds"));
  }
  SECTION("microbatches on another replica") {
    program.replicas = {{d0, d2, d1}};
    CHECK(complains(program, "is not placed here"));
  }
  SECTION("a replica without its parameters") {
    for (Buffer& buffer : program.devices[d1].buffers) {
      if (buffer.role == BufferRole::kParameter) buffer.role = BufferRole::kActivation;
    }
    CHECK(complains(program, "is kept 2 times"));
  }
  SECTION("replicas that nobody updates") {
    program.zero = 1;
    CHECK(complains(program, "is kept 3 times"));
  }
}

TEST_CASE("what each level of ZeRO keeps once", "[program][replicas]") {
  const Graph forward = mp::test::transformer_like(4, 32);
  const Placement placement(forward.nodes().size(), d0);
  std::map<std::int32_t, std::int64_t> arena;
  std::map<std::int32_t, std::int64_t> sent;
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    const Program program = compiled(forward, placement,
                                     {.microbatches = 4,
                                      .zero = zero,
                                      .devices = 4,
                                      .replicas = {{d0, d1, d2, DeviceId{3}}},
                                      .bucket_bytes = 4'000});
    CHECK(check_program(program) == std::vector<std::string>{});
    const std::int64_t states = parameter_bytes(program, d0, ".momentum");
    const std::int64_t all = parameter_bytes(program, d0, "") - states;
    std::int64_t most = 0;
    for (const DeviceId d : ids<DeviceId>(4)) {
      arena[zero] = std::max(arena[zero], program.devices[d].arena_bytes);
      most = std::max(most, parameter_bytes(program, d, ".momentum"));
    }
    sent[zero] = bytes_sent(program);
    const Program alone = compiled(forward, placement, {.microbatches = 4, .zero = zero, .devices = 4, .replicas = {}});
    const std::int64_t model = parameter_bytes(alone, d0, ".momentum");
    CHECK((zero == 0 ? states == model : most <= model / 3));
    CHECK((zero < 3 ? all == model : all <= model / 3));
    CHECK(bytes_sent(alone) == 0);
    // Gradients to the owner, and sums or values to the others: 2 (d − 1) times the parameters (Rajbhandari et al.).
    if (zero < 3) CHECK(sent[zero] == 2 * 3 * model);
  }
  CHECK(arena[1] < arena[0]);
  CHECK(arena[2] <= arena[1]);
  CHECK(arena[3] < arena[2]);
  CHECK(sent[3] <= sent[2] / 2 * 3);  // fetched for forward and for backward
}

TEST_CASE("programs of replicas have no fault, whatever the graph, the groups and the policy", "[program][replicas]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 40)));
  const RandomStream random(seed, "replicas");
  std::uint64_t draw = 0;
  const auto below = [&](std::uint64_t bound) { return static_cast<std::int32_t>(random.below(draw++, bound)); };
  const std::int32_t groups = 1 + below(3);
  std::vector<ReplicaGroup> replicas;
  std::int32_t devices = groups;  // leaders first, then the others
  std::int32_t largest = 1;
  for (std::int32_t g = 0; g < groups; ++g) {
    ReplicaGroup group = {make_id<DeviceId>(g)};
    for (std::int32_t more = below(4); more > 0; --more) group.push_back(make_id<DeviceId>(devices++));
    largest = std::max(largest, static_cast<std::int32_t>(group.size()));
    if (group.size() > 1 || below(2) == 0) replicas.push_back(std::move(group));
  }
  const Graph forward = mp::test::random_model(seed, 3 + below(25));
  const Placement placement = mp::test::random_placement(seed, forward, groups);
  for (const Schedule schedule : {Schedule::kGpipe, Schedule::k1f1b, Schedule::kInterleaved, Schedule::kZeroBubble}) {
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      const std::int32_t microbatches = largest + below(5);
      CAPTURE(seed, groups, devices, largest, microbatches, zero, name_of(schedule));
      TrainingGraph training = differentiate(forward, {.optimizer = kMomentum, .microbatches = microbatches});
      if (below(2) == 0) {
        training = recompute(training, placement, nodes_to_recompute(training, placement, RecomputePattern::kAll));
      }
      const std::int64_t bucket_bytes = below(3) == 0 ? 1 + below(2000) : kDefaultBucketBytes;
      const Program program = compile(
          training, placement,
          {.schedule = schedule, .devices = devices, .replicas = replicas, .zero = zero, .bucket_bytes = bucket_bytes});
      CHECK(check_program(program) == std::vector<std::string>{});
      CHECK(simulate(program, uniform_cluster(devices)).step_time_s > 0.0);
    }
  }
}

TEST_CASE("a short stage feeds two replicas of a long one", "[program][replicas]") {
  // Forward 1 s and backward 2 s a node: one on the first stage, two on the second, which two devices share.
  const Graph forward = mp::test::measured_chain({.stages = 3, .forward_s = 1.0, .backward_s = 2.0});
  const TrainingGraph training = differentiate(forward, {.optimizer = kMomentum, .microbatches = 16});
  const Program program = compile(training, {d0, d1, d1}, {.devices = 3, .replicas = {{d1, d2}}});
  CHECK(check_program(program) == std::vector<std::string>{});
  const double step_s = simulate(program, uniform_cluster(3)).step_time_s;
  CHECK(step_s >= 48.0);  // 16 microbatches of 3 s on the first device
  CHECK(step_s < 48.0 + 10.0);
}

TEST_CASE("gradients and new values of replicas move while they compute", "[program][replicas]") {
  // Two replicas, a microbatch each: of the bytes P of the parameters, each sends P / 2 of gradients to their owner and
  // P / 2 of new values (ZeRO 1 and 2) or of sums (ZeRO 0): P each way. A link that moves P in half of the time C that
  // a device is at work makes a step of 1.5 C if transfers begin where work ends, 1.25 C if only gradients overlap.
  // Gradients appear evenly over backward, two thirds of C; each layer's, 1/8 of P, and then its new values cross in
  // 1/8 of C / 2 in all, less than the C / 12 in which the next layer's appear. So behind the last backward node are
  // left the last layer's, and at most what the layer before it still has on the link: 2 C / 16 = 0.125 C.
  const Graph forward = mp::test::transformer_like(8, 64);
  const TrainingGraph training = differentiate(forward, {.optimizer = kMomentum, .microbatches = 2});
  const Placement placement(forward.nodes().size(), d0);
  for (const std::int32_t zero : {0, 1, 2}) {
    Cluster cluster = uniform_cluster(2);
    cluster.within_host = {.latency_s = 0.0, .bandwidth_bytes_per_s = 1e18};
    const CompileOptions options{.devices = 2, .cluster = &cluster, .replicas = {{d0, d1}}, .zero = zero};
    const Program fast = compile(training, placement, options);
    const Simulation at_once = simulate(fast, cluster);
    const double work_s = std::max(at_once.devices[0].busy_s, at_once.devices[1].busy_s);
    cluster.within_host.bandwidth_bytes_per_s = static_cast<double>(bytes_sent(fast)) / 2 / (0.5 * work_s);
    const Program program = compile(training, placement, options);
    CHECK(check_program(program) == std::vector<std::string>{});
    const double ratio = simulate(program, cluster).step_time_s / work_s;
    CAPTURE(zero, ratio, at_once.step_time_s / work_s);
    CHECK(at_once.step_time_s < 1.05 * work_s);
    CHECK(ratio >= 0.999999);  // rounding
    CHECK(ratio < 1.125);
  }
}
