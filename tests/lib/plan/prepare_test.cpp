#include "lib/plan/prepare.hpp"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/plan/predict.hpp"
#include "lib/program/simulate.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Plan;

namespace {

// x → fc1 → fc2 → loss, a batch of 12.
mp::Model model() {
  const std::vector<mp::Dimension> rows = {{0, "batch"}, {4, ""}};
  const std::vector<mp::Dimension> square = {{4, ""}, {4, ""}};
  mp::Model model;
  model.name = "small";
  model.dimensions = {{"batch", 12}};
  for (const std::string name : {"x", "target"}) {
    model.inputs.push_back({.name = name, .type = mp::DataType::kFloat32, .shape = rows, .data = "normal"});
  }
  for (const std::string name : {"fc1.weight", "fc2.weight"}) {
    mp::ModelParameter parameter;
    parameter.name = name;
    parameter.shape = square;
    model.parameters.push_back(parameter);
  }
  const auto add = [&](const std::string& op, const std::string& name, std::vector<std::string> inputs) {
    mp::ModelNode node;
    node.name = name;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {name + ".out"};
    model.nodes.push_back(std::move(node));
  };
  add("Gemm", "fc1", {"x", "fc1.weight"});
  add("Gemm", "fc2", {"fc1.out", "fc2.weight"});
  add("MeanSquaredError", "loss", {"fc2.out", "target"});
  model.loss = "loss.out";
  return model;
}

Plan plan() {
  Plan plan;
  plan.bindings = {{"batch", 12}};
  plan.cluster = mp::uniform_cluster(2);
  plan.assignment = {{"fc1", DeviceId{0}}, {"fc2", DeviceId{1}}, {"loss", DeviceId{1}}};
  plan.microbatches = 3;
  plan.optimizer.kind = mp::OptimizerKind::kSgd;
  return plan;
}

}  // namespace

TEST_CASE("a plan and its model become the program that runs", "[plan]") {
  const mp::PreparedPlan prepared = prepare(plan(), model());
  const mp::Program& program = prepared.program;
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(program.microbatches == 3);
  CHECK(program.schedule == mp::Schedule::k1f1b);
  CHECK(program.placement == mp::Placement{DeviceId{0}, DeviceId{1}, DeviceId{1}});
  const mp::TensorId x = program.training.graph.find_tensor("x").value();
  CHECK(program.training.graph.tensor(x).type.shape == mp::Shape{4, 4});
  CHECK(prepared.shape.bindings == mp::Bindings{{"batch", 12}});
}

TEST_CASE("options replace what the plan says", "[plan]") {
  mp::PrepareOptions options;
  options.microbatches = 2;
  options.schedule = mp::Schedule::kGpipe;
  options.bindings = {{"batch", 8}};
  options.optimizer = mp::Optimizer{.kind = mp::OptimizerKind::kAdam};
  const mp::PreparedPlan prepared = prepare(plan(), model(), options);
  CHECK(prepared.program.microbatches == 2);
  CHECK(prepared.program.schedule == mp::Schedule::kGpipe);
  CHECK(prepared.program.training.trained.front().state.size() == 2);
  const mp::TensorId x = prepared.program.training.graph.find_tensor("x").value();
  CHECK(prepared.program.training.graph.tensor(x).type.shape == mp::Shape{4, 4});
}

TEST_CASE("microbatches that do not divide the batch name a number that does", "[plan]") {
  mp::PrepareOptions options;
  options.microbatches = 5;
  CHECK_THROWS_WITH(prepare(plan(), model(), options), "a batch of 12 does not divide into 5 microbatches; 4 would do");
  options.microbatches = 13;
  CHECK_THROWS_WITH(prepare(plan(), model(), options),
                    "a batch of 12 does not divide into 13 microbatches; 12 would do");
  options.microbatches = 0;
  CHECK_THROWS_AS(prepare(plan(), model(), options), mp::UsageError);
  mp::Model fixed = model();
  fixed.dimensions.clear();
  for (mp::ModelInput& input : fixed.inputs) input.shape[0] = {12, ""};
  Plan without = plan();
  without.bindings.clear();
  CHECK_THROWS_WITH(prepare(without, fixed),
                    "3 microbatches divide the dimension 'batch', which model 'small' does not have; use 1");
  without.microbatches = 1;
  CHECK_NOTHROW(prepare(without, fixed));
}

TEST_CASE("an assignment that does not fit the model is told at its place", "[plan]") {
  Plan broken = plan();
  broken.assignment[0].first = "fc3";
  mp::PrepareOptions options;
  options.plan_source = "plan.json";
  try {
    static_cast<void>(prepare(broken, model(), options));
    FAIL("accepted");
  } catch (const mp::InputError& error) {
    CHECK(error.source() == "plan.json");
    CHECK(error.issues().front().place == "/assignment/fc3");
  }
}

TEST_CASE("replicas need microbatches", "[plan]") {
  Plan replicated = plan();
  replicated.cluster = mp::uniform_cluster(8);
  replicated.replicas = {{DeviceId{0}, DeviceId{2}}, {DeviceId{1}, DeviceId{3}, DeviceId{4}, DeviceId{5}}};
  CHECK_THROWS_WITH(prepare(replicated, model()),
                    "4 replicas need as many microbatches, and there are 3; 4 would do (--microbatches 4)");
  replicated.microbatches = 1;
  replicated.bindings = {{"batch", 10}};
  CHECK_THROWS_WITH(prepare(replicated, model()),
                    "4 replicas need as many microbatches, and there is 1; 5 would do (--microbatches 5)");
  replicated.bindings = {{"batch", 3}};
  CHECK_THROWS_WITH(prepare(replicated, model()),
                    "4 replicas need as many microbatches, and there is 1; use fewer replicas, or a larger batch");
}

TEST_CASE("predictions with replicas are those of the program", "[plan][predict]") {
  Plan wanted = plan();
  wanted.cluster = mp::uniform_cluster(4);
  wanted.replicas = {{DeviceId{0}, DeviceId{2}}, {DeviceId{1}, DeviceId{3}}};
  const mp::PreparedPlan prepared = prepare(wanted, model());
  CHECK(check_program(prepared.program) == std::vector<std::string>{});
  const mp::Prediction prediction = predict(prepared.program, prepared.units, wanted.cluster);
  const std::int64_t activations = 2 * 12 * 4 * 4;
  CHECK(prediction.cut_bytes == activations);
  // Each weight's gradient goes to its owner, and the sum comes back: 16 floats, twice, of two weights.
  CHECK(prediction.communication_volume_bytes == activations + 2 * 2 * 16 * 4);
  REQUIRE(prediction.devices.size() == 4);
  for (std::size_t d = 0; d < 4; ++d) {
    CHECK(prediction.devices[d].nodes == (d % 2 == 0 ? 1 : 2));
    CHECK(prediction.devices[d].parameters == 16);
    CHECK(prediction.devices[d].memory_bytes == prepared.program.devices[mp::make_id<DeviceId>(d)].arena_bytes);
  }
  // Of three microbatches the leaders run two.
  CHECK(prediction.devices[0].compute_share > 1.5 * prediction.devices[2].compute_share);
}

TEST_CASE("predictions are those of the program", "[plan][predict]") {
  const Plan wanted = plan();
  const mp::PreparedPlan prepared = prepare(wanted, model());
  const mp::Prediction prediction = predict(prepared.program, prepared.units, wanted.cluster);
  // The output of fc1 and its gradient, 12 × 4 floats each.
  CHECK(prediction.cut_bytes == 2 * 12 * 4 * 4);
  CHECK(prediction.communication_volume_bytes == 2 * 12 * 4 * 4);
  const mp::Simulation simulation = simulate(prepared.program, wanted.cluster);
  CHECK(prediction.step_time_s == simulation.step_time_s);
  CHECK(prediction.bubble_fraction == simulation.bubble_fraction);
  REQUIRE(prediction.devices.size() == 2);
  CHECK(prediction.devices[0].nodes == 1);
  CHECK(prediction.devices[1].nodes == 2);
  CHECK(prediction.devices[0].parameters == 16);
  CHECK(prediction.devices[1].memory_bytes == prepared.program.devices[DeviceId{1}].arena_bytes);
  CHECK(prediction.devices[0].compute_share + prediction.devices[1].compute_share == Approx(1.0));
  CHECK(prediction.imbalance.compute == Approx(2.0 * prediction.devices[1].compute_share - 1.0));
  const auto memory = [&](std::size_t d) { return static_cast<double>(prediction.devices[d].memory_bytes); };
  CHECK(prediction.imbalance.memory == Approx(2.0 * memory(1) / (memory(0) + memory(1)) - 1.0));
}

TEST_CASE("devices whose memory a plan overfills are named", "[plan][predict]") {
  Plan wanted = plan();
  wanted.assignment[1].second = DeviceId{0};
  const mp::PreparedPlan prepared = prepare(wanted, model());
  const mp::Prediction prediction = predict(prepared.program, prepared.units, wanted.cluster);
  CHECK(overfull_devices(prediction, wanted.cluster).empty());
  wanted.cluster.types[0].memory_bytes = prediction.devices[1].memory_bytes;
  CHECK(prediction.devices[0].memory_bytes > prediction.devices[1].memory_bytes);
  CHECK(overfull_devices(prediction, wanted.cluster) == std::vector<DeviceId>{DeviceId{0}});
}
