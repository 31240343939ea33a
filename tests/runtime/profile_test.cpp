// The profiler: what it must find, on whatever machine. How close its predictions come: scripts/prediction-table.
#include <chrono>
#include <cstddef>
#include <memory>

#include "lib/costs/profile.hpp"
#include "lib/costs/signature.hpp"
#include "lib/graph/builder.hpp"
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
              mp::runtime::test::cpu_backends(1));
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
      measure_steps(program, backends, data, 1, {.least_steps = 9, .most_steps = 9, .seconds = 0.0});
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
  CHECK(measure_links(1, mp::runtime::test::cpu_backends(1)).empty());
  const std::vector<Link> links = measure_links(3, mp::runtime::test::cpu_backends(1));
  REQUIRE(links.size() == 9);
  for (std::size_t i = 0; i < links.size(); ++i) {
    CHECK((links[i].bandwidth_bytes_per_s > 0.0) == (i / 3 != i % 3));
    CHECK(links[i].latency_s >= 0.0);
  }
}

TEST_CASE("the median of an even number of values is between the two in the middle", "[runtime][profile]") {
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0, 2.0, 8.0}) == 3.0);
  CHECK(median({5.0}) == 5.0);
}
