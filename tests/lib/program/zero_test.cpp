// ZeRO: what its levels keep, send and add, to the byte, and faults that the checker finds.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "tests/lib/support/faults.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::complains;
using mp::test::first_of;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

constexpr std::int64_t kLayers = 12;  // 2, 3 or 4 owners have equal shares
constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kTensorBytes = kWidth * kWidth * 4;
constexpr std::int64_t kModelBytes = kLayers * kTensorBytes;  // 4 Ψ of the paper

struct Setting {
  std::int32_t replicas = 2;
  std::int32_t zero = 0;
  std::int32_t microbatches = 0;  // 0: three for each replica
  std::int64_t bucket_bytes = kDefaultBucketBytes;
  Link link = {.latency_s = 1e-6, .bandwidth_bytes_per_s = 1e12};
};

Cluster cluster_of(const Setting& setting) {
  Cluster cluster = uniform_cluster(setting.replicas);
  cluster.within_host = setting.link;
  return cluster;
}

Program compiled(const Setting& setting) {
  const Graph forward = mp::test::equal_layers(kLayers, kWidth);
  const std::int32_t microbatches = setting.microbatches > 0 ? setting.microbatches : 3 * setting.replicas;
  ReplicaGroup group;
  for (const DeviceId d : ids<DeviceId>(static_cast<std::size_t>(setting.replicas))) group.push_back(d);
  const Cluster cluster = cluster_of(setting);
  return compile(differentiate(forward, {.optimizer = {.kind = OptimizerKind::kAdam}, .microbatches = microbatches}),
                 Placement(forward.nodes().size(), d0),
                 {.devices = setting.replicas,
                  .cluster = &cluster,
                  .replicas = {group},
                  .zero = setting.zero,
                  .bucket_bytes = setting.bucket_bytes});
}

// Bytes of a device by what they hold between steps, or through the step.
struct Held {
  std::int64_t parameters = 0;
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;
};

Held held_by(const Program& program, DeviceId device) {
  std::set<TensorId> parameters;
  for (const TrainedParameter& trained : program.training.trained) parameters.insert(trained.parameter);
  Held held;
  for (const Buffer& buffer : program.devices[device].buffers) {
    if (buffer.role == BufferRole::kGradient) held.gradients += buffer.size_bytes;
    if (buffer.role != BufferRole::kParameter) continue;
    (parameters.contains(buffer.tensor) ? held.parameters : held.optimizer) += buffer.size_bytes;
  }
  return held;
}

std::int64_t tensors_in(const Message& message) { return 1 + static_cast<std::int64_t>(message.others.size()); }

bool is_parameter(const Program& program, const Message& message) {
  return program.training.graph.tensor(message.tensor).kind == TensorKind::kParameter;
}

}  // namespace

// Rajbhandari et al., SC 2020, section 3 and figure 1, with float32 throughout: of parameters P, gradients G and the
// optimizer's state K (Adam: twice P) N replicas keep P + G + K each, with ZeRO 1 P + G + K/N, 2 P + (G + K)/N,
// 3 (P + G + K)/N.
TEST_CASE("replicas keep what the paper's table says, to the byte", "[program][zero]") {
  const std::int32_t replicas = GENERATE(2, 3, 4);
  for (const std::int32_t microbatches : {replicas, 3 * replicas}) {
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      const Program program = compiled({.replicas = replicas, .zero = zero, .microbatches = microbatches});
      CHECK(check_program(program) == std::vector<std::string>{});
      for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
        CAPTURE(replicas, microbatches, zero, index(d));
        const Held held = held_by(program, d);
        CHECK(held.parameters == kModelBytes / (zero >= 3 ? replicas : 1));
        CHECK(held.gradients == kModelBytes / (zero >= 2 ? replicas : 1));
        // Beside the two moments of each parameter a counter of steps, if the optimizer has one.
        const std::int64_t counters = held.optimizer - 2 * kModelBytes / (zero >= 1 ? replicas : 1);
        CHECK((counters >= 0 && counters < kTensorBytes));
      }
    }
  }
}

// With accumulation the accumulators are needed all along, so that an arena is smaller by what is not kept; what is
// under way takes a few tensors instead.
TEST_CASE("the arena shows what each level of ZeRO saves", "[program][zero]") {
  const std::int32_t replicas = GENERATE(2, 3, 4);
  const std::int64_t others = kModelBytes - kModelBytes / replicas;
  // As many bytes as a level saves leave at once where a link is slow: never more than the member's own share.
  for (const double bandwidth_bytes_per_s : {1e12, 1e7}) {
    std::vector<std::int64_t> arena;
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      const Program program = compiled({.replicas = replicas,
                                        .zero = zero,
                                        .bucket_bytes = kTensorBytes,
                                        .link = {.latency_s = 1e-6, .bandwidth_bytes_per_s = bandwidth_bytes_per_s}});
      std::int64_t most = 0;
      for (const DeviceProgram& device : program.devices) most = std::max(most, device.arena_bytes);
      arena.push_back(most);
    }
    CAPTURE(replicas, bandwidth_bytes_per_s, arena, others, kTensorBytes);
    CHECK(arena[0] - arena[1] >= 2 * others);
    CHECK(arena[0] - arena[1] <= 2 * others + kTensorBytes);
    const std::int64_t under_way = bandwidth_bytes_per_s > 1e10 ? 4 * kTensorBytes : kModelBytes / replicas;
    CHECK(arena[1] - arena[2] <= others + kTensorBytes);
    CHECK(arena[1] - arena[2] >= others - under_way - 2 * kTensorBytes);
    CHECK(arena[2] - arena[3] <= others + kTensorBytes);
    CHECK(arena[2] - arena[3] >= others - 3 * kTensorBytes);  // two windows, and the arena's gaps
  }
}

TEST_CASE("ZeRO 2 sends each microbatch's gradients to their owners, once", "[program][zero]") {
  const std::int32_t replicas = GENERATE(2, 3);
  for (const std::int32_t zero : {2, 3}) {
    const Program program = compiled({.replicas = replicas, .zero = zero});
    const std::int64_t microbatches = program.microbatches;
    std::int64_t sent = 0;
    std::int64_t added = 0;
    for (const Message& message : program.messages) {
      if (!is_parameter(program, message)) sent += tensors_in(message);
      if (!is_parameter(program, message)) CHECK(message.microbatch >= 0);
    }
    for (const DeviceProgram& device : program.devices) {
      for (const Instruction& instruction : device.instructions) added += instruction.opcode == Opcode::kAccumulate;
    }
    CHECK(sent == kLayers * microbatches * (replicas - 1) / replicas);
    CHECK(added == kLayers * (microbatches - 1));
  }
}

TEST_CASE("what ZeRO 2 does on a member", "[program][zero]") {
  const Graph forward = mp::test::two_layers();
  const TrainingGraph training =
      differentiate(forward, {.optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}, .microbatches = 4});
  const Program program = compile(training, Placement(3, d0), {.devices = 2, .replicas = {{d0, d1}}, .zero = 2});
  CHECK(check_program(program) == std::vector<std::string>{});
  // Each of its microbatches leaves by itself; of what it owns it takes in the other member's, and adds them in order.
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
        "SEND fc1.grad.B + 1 mb1 -> device 0\n"
        "FEED x mb3\n"
        "F fc1 mb3\n"
        "RECEIVE fc2.grad.B mb0 <- device 0\n"
        "ADD fc2.grad.B mb1\n"
        "F fc2 mb3\n"
        "FEED target mb3\n"
        "F loss mb3\n"
        "LOSS loss mb3\n"
        "WAIT fc1.grad.B + 1 mb1 -> device 0\n"
        "B loss.grad mb3\n"
        "B loss.grad.X mb3\n"
        "B fc2.grad.A mb3\n"
        "B fc2.grad.B mb3\n"
        "B fc1.grad.B mb3\n"
        "B fc1.grad.C.sum mb3\n"
        "SEND fc1.grad.B + 1 mb3 -> device 0\n"
        "RECEIVE fc2.grad.B mb2 <- device 0\n"
        "ADD fc2.grad.B mb2\n"
        "ADD fc2.grad.B mb3\n"
        "U fc2.weight.update\n"
        "SEND fc2.weight -> device 0\n"
        "RECEIVE fc1.weight + 1 <- device 0\n"
        "WAIT fc1.grad.B + 1 mb3 -> device 0\n"
        "WAIT fc2.weight -> device 0\n");
}

TEST_CASE("broken shards are found", "[program][zero][check]") {
  Program program = compiled({.replicas = 3, .zero = 2});
  REQUIRE(check_program(program) == std::vector<std::string>{});
  const auto is_add = [](const Instruction& instruction) { return instruction.opcode == Opcode::kAccumulate; };
  SECTION("a microbatch's gradient added twice") {
    Instruction& add = first_of(program, d1, is_add);
    for (Instruction& other : program.devices[d1].instructions) {
      if (is_add(other) && other.tensor == add.tensor && other.microbatch == add.microbatch + 1) other = add;
    }
    CHECK(complains(program, "but finds"));
  }
  SECTION("a microbatch's gradient left out") {
    Instruction& add = first_of(program, d1, is_add);
    add.opcode = Opcode::kCopy;  // over the sum
    CHECK(complains(program, "but finds"));
  }
  SECTION("an accumulator on a second member") {
    for (Buffer& buffer : program.devices[d0].buffers) {
      const bool is_gradient = buffer.microbatch >= 0 && program.training.is_accumulated(buffer.tensor);
      if (is_gradient) {
        buffer.role = BufferRole::kGradient;
        break;
      }
    }
    CHECK(complains(program, "is added up in 2 places"));
  }
  SECTION("sums of members, as without ZeRO 2") {
    program.zero = 1;
    CHECK(complains(program, "is added up in 1 places"));
  }
}

TEST_CASE("broken fetches are found", "[program][zero][check]") {
  Program program = compiled({.replicas = 2, .zero = 3, .bucket_bytes = 2 * kTensorBytes});
  REQUIRE(check_program(program) == std::vector<std::string>{});
  const auto is_fetch = [&](const Instruction& instruction) {
    return instruction.opcode == Opcode::kReceive && instruction.microbatch < 0 && instruction.outputs.size() == 2;
  };
  SECTION("two parameters in each other's place") {
    Instruction& fetch = first_of(program, d0, is_fetch);
    std::swap(fetch.outputs[0], fetch.outputs[1]);
    CHECK(!check_program(program).empty());
  }
  SECTION("a node that reads a window that is gone") {
    // What the second window holds lies where the first one was; a later reader of the first finds something else.
    const Instruction fetch = first_of(program, d0, is_fetch);
    Instruction* last_reader = nullptr;
    for (Instruction& instruction : program.devices[d0].instructions) {
      if (instruction.opcode != Opcode::kCompute || instruction.microbatch < 0) continue;
      const std::vector<TensorId>& inputs = program.training.graph.node(instruction.node).inputs;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] != fetch.tensor) continue;
        last_reader = &instruction;
      }
    }
    REQUIRE(last_reader != nullptr);
    const std::vector<TensorId>& inputs = program.training.graph.node(last_reader->node).inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == fetch.tensor) last_reader->inputs[i] = fetch.outputs.front();
    }
    CHECK(complains(program, "but finds"));
  }
}

TEST_CASE("ZeRO 3 fetches in buckets, ahead of their use, and drops what it has used", "[program][zero]") {
  const Setting buckets{.replicas = 2, .zero = 3, .bucket_bytes = 4 * kTensorBytes};
  const Setting singles{.replicas = 2, .zero = 3, .bucket_bytes = 1};
  const auto fetches = [&](const Program& program) {
    return std::count_if(program.messages.begin(), program.messages.end(),
                         [&](const Message& message) { return is_parameter(program, message); });
  };
  const Program of_buckets = compiled(buckets);
  const Program of_singles = compiled(singles);
  CHECK(check_program(of_buckets) == std::vector<std::string>{});
  CHECK(check_program(of_singles) == std::vector<std::string>{});
  CHECK(fetches(of_buckets) * 3 < fetches(of_singles));
  // Each pass fetches the half of the model that the member does not own, at most.
  const std::int64_t passes = 2 * 3 * 2;  // of 3 microbatches on each of 2 members
  std::int64_t fetched = 0;
  for (const Message& message : of_singles.messages)
    fetched += is_parameter(of_singles, message) ? message.size_bytes : 0;
  CHECK(fetched <= passes * kModelBytes / 2);
  CHECK(fetched > (passes - 6) * kModelBytes / 2);  // what a backward pass still has from its forward pass
  // A window or two of four tensors at a time.
  const std::int64_t extra = of_buckets.devices[d0].arena_bytes - of_singles.devices[d0].arena_bytes;
  CHECK(extra <= 2 * 4 * kTensorBytes);
}

TEST_CASE("fetches of ZeRO 3 move while devices compute", "[program][zero]") {
  // A link that moves what a pass fetches in half of the time of the pass: a step is as long as its compute, and the
  // first window of all, if fetches overlap; half as long again if not.
  Setting setting{.replicas = 2,
                  .zero = 3,
                  .bucket_bytes = 2 * kTensorBytes,
                  .link = {.latency_s = 1e-9, .bandwidth_bytes_per_s = 1e18}};
  const Program fast = compiled(setting);
  const Simulation at_once = simulate(fast, cluster_of(setting));
  const double work_s = std::max(at_once.devices[0].busy_s, at_once.devices[1].busy_s);
  std::int64_t fetched = 0;
  for (const Message& message : fast.messages) fetched += message.size_bytes;
  setting.link.bandwidth_bytes_per_s = static_cast<double>(fetched) / 2 / (0.5 * work_s);
  const Program program = compiled(setting);
  const double ratio = simulate(program, cluster_of(setting)).step_time_s / work_s;
  CAPTURE(ratio, at_once.step_time_s / work_s);
  CHECK(at_once.step_time_s < 1.02 * work_s);
  CHECK(ratio < 1.2);
}
