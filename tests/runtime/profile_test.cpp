// The profiler: what it must find, on whatever machine. How close its predictions come: scripts/prediction-table.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>

#include "lib/costs/profile.hpp"
#include "lib/costs/signature.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "runtime/profile/measured_links.hpp"
#include "runtime/profile/measured_steps.hpp"
#include "runtime/profile/profiler.hpp"
#include "tests/runtime/support/fake_backend.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

constexpr MeasureOptions kShort = {.least_steps = 2, .most_steps = 2, .seconds = 0.0};

class NoData final : public DataSource {
 public:
  void fill(std::size_t, std::int64_t, std::int32_t, std::span<std::byte>) const override {}
};

void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("a profile has every node, feed and accumulation of the model", "[runtime][profile]") {
  const mp::runtime::test::Subject subject = mp::runtime::test::load("convnet", 8, 2, {});
  const TrainingData data = mp::runtime::test::data_of(subject.training, 1);
  const Profile measured =
      profile({.training = subject.training, .data = data.training.get(), .devices = 2, .steps = kShort},
              mp::runtime::test::cpu_backends(1), mp::runtime::test::cpu_backends(1));
  CHECK(unmeasured_nodes(subject.training, measured).empty());
  CHECK(profile_gaps(subject.training, measured, "p").empty());
  const Graph& graph = subject.training.graph;
  for (const GraphInput& input : graph.inputs()) {
    CHECK(measured.measured.times.contains(feed_signature(graph, input.tensor)));
  }
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    if (subject.training.is_accumulated(t)) {
      CHECK(measured.measured.times.contains(accumulate_signature(graph, t)));
    }
  }
  for (const auto& [name, time] : measured.measured.times) {
    CAPTURE(name);
    CHECK(time.alone_s >= 0.0);
    CHECK(time.crowded_s >= 0.0);
  }
  CHECK(measured.measured.devices == 2);
  REQUIRE(measured.links.size() == 4);
  for (const std::size_t pair : {1U, 2U}) CHECK(measured.links[pair].bandwidth_bytes_per_s > 0.0);
  CHECK(measured.transfer_by == TransferBy::kReceiver);
  CHECK(measured.device.flops_per_s.at(DataType::kFloat32) > 0.0);
}

// A kernel that is busy for a known time is never measured to take less, nor is the next one charged for it.
TEST_CASE("an instruction is charged for its own time", "[runtime][profile]") {
  GraphBuilder builder("two");
  const TensorType square{DataType::kFloat32, {2, 2}};
  const TensorId x = builder.add_input("x", square, "normal");
  const TensorId h = builder.add("Relu", "slow", {x});
  builder.add("Relu", "quick", {h});
  const TrainingGraph training = differentiate(std::move(builder).build(), {});
  Placement placement(2, DeviceId{0});
  const Program program = compile(training, std::move(placement), {.devices = 1});
  const mp::runtime::test::KernelFunctions kernels = {{"slow", [](auto...) { spin(std::chrono::milliseconds(3)); }},
                                                      {"quick", [](auto...) {}}};
  const BackendFactory backends = [&](DeviceId) { return std::make_unique<mp::runtime::test::FakeBackend>(kernels); };
  const NoData data;
  const MeasuredSteps steps =
      measure_steps(program, backends, data, {.least_steps = 9, .most_steps = 9, .seconds = 0.0});
  CHECK(steps.steps == 9);
  REQUIRE(steps.instruction_s.size() == program.devices[DeviceId{0}].instructions.size());
  for (std::size_t i = 0; i < steps.instruction_s.size(); ++i) {
    const Instruction& instruction = program.devices[DeviceId{0}].instructions[i];
    if (instruction.opcode != Opcode::kCompute) continue;
    const bool is_slow = program.training.graph.node(instruction.node).name == "slow";
    CHECK((steps.instruction_s[i] > 2.9e-3) == is_slow);
  }
}

TEST_CASE("every pair of devices has a link, one device none", "[runtime][profile]") {
  CHECK(measure_links(1, mp::runtime::test::cpu_backends(1)).links.empty());
  const std::vector<Link> links = measure_links(3, mp::runtime::test::cpu_backends(1)).links;
  REQUIRE(links.size() == 9);
  for (std::size_t i = 0; i < links.size(); ++i) {
    CHECK((links[i].bandwidth_bytes_per_s > 0.0) == (i / 3 != i % 3));
    CHECK(links[i].latency_s >= 0.0);
  }
}

// The profile is of one device: where a plan has more, the gradients that a device takes norms of are others.
TEST_CASE("a profile has every node of a program for several devices, clipped, too", "[runtime][profile]") {
  const Optimizer optimizer = GENERATE(Optimizer{.clip_norm = 1.0}, Optimizer{.kind = OptimizerKind::kAdam},
                                       Optimizer{.kind = OptimizerKind::kSgd, .momentum = 0.9, .clip_norm = 1.0});
  const mp::runtime::test::Subject subject = mp::runtime::test::load("mlp", 8, 2, optimizer);
  const TrainingData data = mp::runtime::test::data_of(subject.training, 1);
  const BackendFactory backends = mp::runtime::test::cpu_backends(1);
  const Profile measured = profile(
      {.training = subject.training, .data = data.training.get(), .devices = 1, .steps = kShort}, backends, backends);
  CHECK(profile_gaps(subject.training, measured, "p").empty());
  const Program program = mp::runtime::test::program_of(subject.training, {.devices = 3});
  const Graph& graph = program.training.graph;
  int norms = 0;
  for (const DeviceProgram& device : program.devices) {
    for (const Instruction& instruction : device.instructions) {
      if (instruction.opcode != Opcode::kCompute || graph.node(instruction.node).op->is_view) continue;
      INFO(signature(graph, instruction.node));
      CHECK(measured.measured.times.contains(signature(graph, instruction.node)));
      norms += graph.node(instruction.node).op_name == "GradientL2" ? 1 : 0;
    }
  }
  CHECK((norms > 1) == (optimizer.clip_norm > 0.0));
}

// Each device does all of the program, and no device hands out a loss that another does, too.
TEST_CASE("devices side by side do the same", "[runtime][profile]") {
  const mp::runtime::test::Subject subject = mp::runtime::test::load("mlp", 4, 2, {});
  const Program one = mp::runtime::test::program_of(subject.training, {.devices = 1});
  const Program three = side_by_side(one, 3);
  REQUIRE(three.devices.size() == 3);
  const auto count_of = [](const DeviceProgram& device, Opcode opcode) {
    return std::count_if(device.instructions.begin(), device.instructions.end(),
                         [&](const Instruction& i) { return i.opcode == opcode; });
  };
  for (const DeviceProgram& device : three.devices) {
    CHECK(count_of(device, Opcode::kCompute) == count_of(one.devices[DeviceId{0}], Opcode::kCompute));
    CHECK(count_of(device, Opcode::kFetchLoss) == 0);
  }
  const TrainingData data = mp::runtime::test::data_of(subject.training, 1);
  const MeasuredSteps steps = measure_steps(three, mp::runtime::test::cpu_backends(1), *data.training, kShort);
  CHECK(steps.steps == 2);
  CHECK(steps.instruction_s.size() == three.devices[DeviceId{0}].instructions.size());
}

TEST_CASE("waking up is measured after longer and longer waits", "[runtime][profile]") {
  const std::vector<WakeUp> points = measure_links(2, mp::runtime::test::cpu_backends(1)).wake_ups;
  REQUIRE(points.size() >= 5);
  CHECK(std::is_sorted(points.begin(), points.end(),
                       [](const WakeUp& a, const WakeUp& b) { return a.waited_s < b.waited_s; }));
  for (const WakeUp& point : points) {
    CHECK(point.receiver_s >= 0.0);
    CHECK(point.sender_s >= 0.0);
  }
}

TEST_CASE("the median of an even number of values is between the two in the middle", "[runtime][profile]") {
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0, 2.0, 8.0}) == 3.0);
  CHECK(median({5.0}) == 5.0);
}
