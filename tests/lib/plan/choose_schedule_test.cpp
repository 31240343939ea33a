#include "lib/plan/choose_schedule.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/plan/predict.hpp"
#include "lib/plan/prepare.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Plan;
using mp::Schedule;
using mp::ScheduleTrial;

namespace {

constexpr std::int32_t kLayers = 8;
constexpr std::int64_t kWidth = 256;

// Eight square layers on a batch of 16.
mp::Model model() {
  mp::Model model;
  model.name = "layers";
  model.dimensions = {{"batch", 16}};
  for (const std::string name : {"x", "target"}) {
    model.inputs.push_back(
        {.name = name, .type = mp::DataType::kFloat32, .shape = {{0, "batch"}, {kWidth, ""}}, .data = "normal"});
  }
  const auto add = [&](const std::string& op, const std::string& name, std::vector<std::string> inputs) {
    mp::ModelNode node;
    node.name = name;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {name + ".out"};
    model.nodes.push_back(std::move(node));
  };
  std::string from = "x";
  for (std::int32_t layer = 0; layer < kLayers; ++layer) {
    const std::string name = "fc" + std::to_string(layer);
    mp::ModelParameter parameter;
    parameter.name = name + ".weight";
    parameter.shape = {{kWidth, ""}, {kWidth, ""}};
    model.parameters.push_back(parameter);
    add("Gemm", name, {from, name + ".weight"});
    from = name + ".out";
  }
  add("MeanSquaredError", "loss", {from, "target"});
  model.loss = "loss.out";
  return model;
}

// Two layers in a row on each of four devices.
Plan plan(std::int64_t memory_bytes) {
  Plan plan;
  plan.bindings = {{"batch", 16}};
  plan.cluster = mp::uniform_cluster(4);
  plan.cluster.types.front().memory_bytes = memory_bytes;
  for (std::int32_t layer = 0; layer < kLayers; ++layer) {
    plan.assignment.emplace_back("fc" + std::to_string(layer), mp::make_id<DeviceId>(layer / 2));
  }
  plan.assignment.emplace_back("loss", DeviceId{3});
  plan.microbatches = 16;
  return plan;
}

std::int64_t most_memory(const ScheduleTrial& trial) {
  std::int64_t most = 0;
  for (const mp::DevicePrediction& device : trial.predicted.devices) most = std::max(most, device.memory_bytes);
  return most;
}

std::vector<ScheduleTrial> try_all(const Plan& plan) {
  return try_schedules(model(), plan, plan.cluster, mp::kSchedules);
}

}  // namespace

TEST_CASE("the fastest schedule is taken, and predicted as it will run", "[plan]") {
  Plan chosen = plan(0);
  const std::vector<ScheduleTrial> trials = try_all(chosen);
  REQUIRE(trials.size() == mp::kSchedules.size());
  const ScheduleTrial& best = best_schedule(trials);
  for (const ScheduleTrial& trial : trials) {
    CHECK(trial.fits);
    CHECK(trial.alive_limit == 0);
    CHECK(best.predicted.step_time_s <= trial.predicted.step_time_s);
  }
  CHECK(best.schedule == Schedule::kZeroBubble);
  chosen.schedule = best.schedule;
  const mp::PreparedPlan prepared = prepare(chosen, model());
  CHECK(predict(prepared.program, prepared.units, chosen.cluster) == best.predicted);
}

TEST_CASE("of equally fast schedules the one that needs least memory is taken", "[plan]") {
  const std::vector<Schedule> both = {Schedule::kGpipe, Schedule::k1f1b};
  const std::vector<ScheduleTrial> trials = try_schedules(model(), plan(0), plan(0).cluster, both);
  REQUIRE(most_memory(trials[1]) < most_memory(trials[0]));
  if (trials[0].predicted.step_time_s == Approx(trials[1].predicted.step_time_s).epsilon(1e-10)) {
    CHECK(&best_schedule(trials) == &trials[1]);
  }
  std::vector<ScheduleTrial> alike = trials;
  alike[1].predicted.step_time_s = alike[0].predicted.step_time_s;
  CHECK(&best_schedule(alike) == &alike[1]);
}

TEST_CASE("as many microbatches are alive as the memory holds", "[plan]") {
  const ScheduleTrial gpipe = try_all(plan(0)).front();
  Plan small = plan(most_memory(gpipe) - 1);
  const ScheduleTrial limited = try_all(small).front();
  CHECK(limited.schedule == Schedule::kGpipe);
  CHECK(limited.fits);
  REQUIRE(limited.alive_limit > 0);
  CHECK(most_memory(limited) < most_memory(gpipe));
  small.schedule = Schedule::kGpipe;
  small.alive_limit = limited.alive_limit;
  const mp::PreparedPlan prepared = prepare(small, model());
  CHECK(check_program(prepared.program) == std::vector<std::string>{});
  CHECK(predict(prepared.program, prepared.units, small.cluster) == limited.predicted);
  small.alive_limit = limited.alive_limit + 1;
  const mp::PreparedPlan more = prepare(small, model());
  CHECK_FALSE(overfull_devices(predict(more.program, more.units, small.cluster), small.cluster).empty());
}

TEST_CASE("a plan that fits under no schedule says so", "[plan]") {
  for (const ScheduleTrial& trial : try_all(plan(1000))) {
    CHECK_FALSE(trial.fits);
    CHECK(trial.alive_limit == 1);
  }
}
