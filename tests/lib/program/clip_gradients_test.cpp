// Gradient clipping as a program: what is sent, and that every way to place it is sound.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/program/program.hpp"
#include "lib/training/recompute.hpp"
#include "lib/training/recompute_choice.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

TrainingGraph clipped(const Graph& forward, std::int32_t microbatches) {
  Optimizer optimizer{.kind = OptimizerKind::kSgd, .weight_decay = 0.0};
  optimizer.clip_norm = 1.0;
  return differentiate(forward, {.optimizer = optimizer, .microbatches = microbatches});
}

// Updates, and what they wait for, of a device.
std::string updates_of(const Program& program, DeviceId device) {
  const std::string text = to_text(program, device);
  const std::size_t first = text.find("\nU ");
  return first == std::string::npos ? "" : text.substr(first + 1);
}

}  // namespace

TEST_CASE("the norms of each device travel to one that sends the factor back", "[program][clip]") {
  const Graph forward = mp::test::two_layers();
  const Program program =
      compile(clipped(forward, 2), {d0, d1, d1}, {.schedule = Schedule::k1f1b, .devices = 2, .cluster = nullptr});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(updates_of(program, d0) ==
        "U gradient_norm.of.0\n"
        "RECEIVE gradient_norm.of.1 <- device 1\n"
        "U gradient_norm\n"
        "FETCH gradient_norm\n"
        "SEND gradient_norm.factor -> device 1\n"
        "U fc1.weight.update\n"
        "U fc1.bias.update\n"
        "WAIT gradient_norm.factor -> device 1\n");
  CHECK(updates_of(program, d1) ==
        "U gradient_norm.of.1\n"
        "SEND gradient_norm.of.1 -> device 0\n"
        "WAIT fc2.grad.A mb1 -> device 0\n"
        "RECEIVE gradient_norm.factor <- device 0\n"
        "U fc2.weight.update\n"
        "WAIT gradient_norm.of.1 -> device 0\n");
}

TEST_CASE("norms are put together in the order of the parameters, whatever device they are on", "[program][clip]") {
  const Graph forward = mp::test::random_model(5, 20);
  const TrainingGraph training = clipped(forward, 1);
  std::vector<std::string> expected;
  for (const TrainedParameter& trained : training.trained) {
    expected.push_back(training.graph.tensor(trained.gradient).name);
  }
  for (const std::int32_t devices : {1, 2, 4}) {
    const Program program = compile(training, mp::test::random_placement(3, forward, devices),
                                    {.schedule = Schedule::k1f1b, .devices = devices, .cluster = nullptr});
    const Graph& graph = program.training.graph;
    const Node& norm = graph.node(graph.tensor(program.training.gradient_norm).producer);
    std::vector<std::string> all;
    for (const TensorId norms : norm.inputs) {
      for (const TensorId gradient : graph.node(graph.tensor(norms).producer).inputs) {
        all.push_back(graph.tensor(gradient).name);
      }
    }
    std::vector<std::string> ordered;
    for (const std::int64_t position : norm.attributes.get_ints("order", {})) {
      ordered.push_back(all.at(static_cast<std::size_t>(position)));
    }
    CHECK(ordered == expected);
  }
}

TEST_CASE("clipping is sound under every placement, policy, number of replicas and level of ZeRO", "[program][clip]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Graph forward = mp::test::random_model(seed, 16);
    const TrainingGraph training = clipped(forward, 3);
    for (const Schedule schedule : kSchedules) {
      for (const std::int32_t replicas : {1, 2, 3}) {
        for (const std::int32_t zero : {0, 1, 2, 3}) {
          constexpr std::int32_t kGroups = 3;
          const Placement placement = mp::test::random_placement(seed + 7, forward, kGroups);
          std::vector<ReplicaGroup> groups(kGroups);
          for (std::int32_t d = 0; d < kGroups * replicas; ++d) {
            groups[static_cast<std::size_t>(d % kGroups)].push_back(make_id<DeviceId>(d));
          }
          CAPTURE(seed, name_of(schedule), replicas, zero);
          const TrainingGraph again =
              recompute(training, placement, nodes_to_recompute(training, placement, RecomputePattern::kAll));
          const Program program = compile(zero == 2 ? again : training, placement,
                                          {.schedule = schedule,
                                           .devices = kGroups * replicas,
                                           .cluster = nullptr,
                                           .replicas = replicas == 1 ? std::vector<ReplicaGroup>{} : groups,
                                           .zero = zero});
          CHECK(check_program(program) == std::vector<std::string>{});
          CHECK(program.training.gradient_norm != kNone<TensorId>);
        }
      }
    }
  }
}

TEST_CASE("a norm that is not handed over is found", "[program][clip][check]") {
  const Graph forward = mp::test::two_layers();
  Program program =
      compile(clipped(forward, 1), {d0, d0, d0}, {.schedule = Schedule::k1f1b, .devices = 1, .cluster = nullptr});
  std::vector<Instruction>& list = program.devices[d0].instructions;
  const auto norm = std::find_if(list.begin(), list.end(), [](const Instruction& instruction) {
    return instruction.opcode == Opcode::kFetchLoss && instruction.microbatch < 0;
  });
  REQUIRE(norm != list.end());
  list.erase(norm);
  program.order.pop_back();
  CHECK(check_program(program) == std::vector<std::string>{"the gradient norm is fetched 0 times"});
}

TEST_CASE("without trained parameters, or without a limit, nothing is clipped", "[program][clip]") {
  const Graph forward = mp::test::two_layers();
  TrainingGraph training = differentiate(forward, {});
  const std::size_t nodes = training.graph.nodes().size();
  const CompileOptions options{.schedule = Schedule::k1f1b, .devices = 1, .cluster = nullptr};
  CHECK(compile(training, {d0, d0, d0}, options).training.graph.nodes().size() == nodes);
  training.clip_norm = 1.0;
  CHECK(compile(training, {d0, d0, d0}, options).training.graph.nodes().size() == nodes + 2);
}
