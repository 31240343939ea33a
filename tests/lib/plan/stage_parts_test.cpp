// Stages that are split inside their nodes: the model in parts, and the program it becomes.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/plan/stage_parts.hpp"
#include "lib/program/simulate.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

ModelNode measured(std::string name, std::vector<std::string> inputs) {
  ModelNode node;
  node.name = name;
  node.op = "layer";
  node.inputs = std::move(inputs);
  node.outputs = {name + ".out"};
  node.cost = MeasuredCost{.forward_s = 1.0, .backward_s = 3.0, .parameter_bytes = 100, .output_bytes = {10}};
  node.parallel_options = {
      {.name = "vanilla", .time_s = 4.0, .parameter_bytes = 100, .sync_input_bytes = {}, .sync_output_bytes = {}},
      {.name = "vanilla",
       .tensor_parallel = 2,
       .time_s = 2.4,
       .parameter_bytes = 50,
       .sync_input_bytes = {},
       .sync_output_bytes = {}}};
  return node;
}

// a → b → c; a and b over two devices each, c on one.
Model three_layers() {
  Model model;
  model.name = "layers";
  model.dimensions = {{"batch", 2}};
  model.nodes = {measured("a", {}), measured("b", {"a.out"}), measured("c", {"b.out"})};
  return model;
}

PlanStage stage(std::int64_t first, std::int32_t tensor_parallel, std::vector<std::string> nodes) {
  PlanStage result;
  result.first_device = make_id<DeviceId>(first);
  result.tensor_parallel = tensor_parallel;
  result.choices = {{"vanilla", std::move(nodes)}};
  return result;
}

Plan plan_of(std::vector<PlanStage> stages) {
  Plan plan;
  plan.cluster = uniform_cluster(3);
  plan.bindings = {{"batch", 2}};
  plan.stages = std::move(stages);
  return plan;
}

}  // namespace

TEST_CASE("nodes of a split stage are parts that read their own side", "[stages]") {
  const Model parts = model_in_stage_parts(three_layers(), {stage(0, 2, {"a", "b"}), stage(2, 1, {"c"})});
  REQUIRE(parts.nodes.size() == 5);
  CHECK(parts.nodes[3].name == "b.part2");
  CHECK(parts.nodes[3].inputs == std::vector<std::string>{"a.out.part2"});
  CHECK(parts.nodes[4].inputs == std::vector<std::string>{"b.out.part1"});
  CHECK(parts.nodes[3].cost->forward_s == Approx(0.6));
  CHECK(parts.nodes[3].cost->backward_s == Approx(1.8));
  CHECK(parts.nodes[3].cost->parameter_bytes == 50);
  CHECK(parts.nodes[3].cost->output_bytes == std::vector<std::int64_t>{10});
  CHECK(model_in_stage_parts(three_layers(), {stage(0, 1, {"a", "b", "c"})}) == three_layers());
}

TEST_CASE("a plan with a split stage is simulated", "[stages]") {
  Plan plan = plan_of({stage(0, 2, {"a", "b"}), stage(2, 1, {"c"})});
  plan.assignment = {{"a.part1", DeviceId{0}},
                     {"a.part2", DeviceId{1}},
                     {"b.part1", DeviceId{0}},
                     {"b.part2", DeviceId{1}},
                     {"c", DeviceId{2}}};
  const PreparedPlan prepared = prepare(plan, model_in_stage_parts(three_layers(), plan.stages));
  const Simulation simulation = simulate(prepared.program, plan.cluster);
  // A microbatch passes a and b in 2 · 2.4 s, c in 4 s; what is sent is nothing beside it.
  CHECK(simulation.step_time_s == Approx(8.8).epsilon(0.01));
}

TEST_CASE("a split stage of nodes that cannot be split is refused", "[stages]") {
  Plan plan = plan_of({stage(0, 2, {"a", "b"}), stage(2, 1, {"c"})});
  plan.assignment = {{"a", DeviceId{0}}, {"b", DeviceId{0}}, {"c", DeviceId{2}}};
  try {
    PrepareOptions options;
    options.plan_source = "plan.json";
    static_cast<void>(prepare(plan, three_layers(), options));
    FAIL("nothing was thrown");
  } catch (const InputError& error) {
    CHECK(std::string(error.what()).find("/stages/0/tensor_parallel: 'a' would be split over 2 devices") !=
          std::string::npos);
  }
}
