// The search for a short step splits what dominates it, and leaves the rest alone.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/program/simulate.hpp"
#include "partition/search/part_placements.hpp"
#include "partition/search/split_search.hpp"
#include "tests/partition/search/models.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace mp;
using partition::SplitSearch;
using partition::test::quick;

std::vector<Dimension> dimensions(const std::vector<std::int64_t>& shape) {
  std::vector<Dimension> result;
  for (const std::int64_t extent : shape) result.push_back({extent, ""});
  return result;
}

ModelNode node(std::string name, std::string op, std::vector<std::string> inputs) {
  ModelNode result;
  result.name = name;
  result.op = std::move(op);
  result.inputs = std::move(inputs);
  result.outputs = {std::move(name)};
  return result;
}

// A product that is nearly all of the work: little goes in and comes out.
Model dominated(std::int64_t width) {
  Model model;
  model.name = "dominated";
  model.inputs = {{.name = "x", .shape = dimensions({32, width}), .data = "normal"},
                  {.name = "target", .shape = dimensions({32, width}), .data = "normal"}};
  model.parameters = {{.name = "w", .shape = dimensions({width, width}), .initializer = {}},
                      {.name = "small", .shape = dimensions({width}), .initializer = {}}};
  model.nodes = {node("scaled", "Mul", {"x", "small"}), node("heavy", "MatMul", {"scaled", "w"}),
                 node("loss", "MeanSquaredError", {"heavy", "target"})};
  model.loss = "loss";
  return model;
}

SplitSearch searched(const Model& model, const Cluster& cluster) {
  const Graph graph = bind_model(model, {}, "test");
  return search_splits(model, "test", {}, cluster, quick(), partition::splits_to_try(graph, cluster));
}

}  // namespace

TEST_CASE("a dominating product is split, and the step is shorter for it", "[search][split]") {
  const Model model = dominated(512);
  const Cluster cluster = uniform_cluster(2);
  const double whole_s = search_step_time(model, "test", {}, cluster, quick()).plans.front().prediction.step_time_s;
  const SplitSearch found = searched(model, cluster);
  REQUIRE(found.splits.size() == 1);
  CHECK(found.splits[0].node == "heavy");
  const partition::JudgedPlan& best = found.found.plans.front();
  CHECK(best.prediction.step_time_s < 0.75 * whole_s);
  // What is promised is what the plan's program takes, and each device holds its half of the parameter.
  const TrainingGraph training =
      training_graph_of(found.model, {.bindings = {}, .microbatches = best.plan.microbatches, .optimizer = {}}, "test");
  const Program program = compile(training, best.plan.placement,
                                  {.schedule = best.plan.schedule,
                                   .devices = 2,
                                   .cluster = &cluster,
                                   .replicas = best.plan.replicas,
                                   .zero = best.plan.zero});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(simulate(program, cluster).step_time_s == best.prediction.step_time_s);
  const partition::SplitSearch again = searched(model, cluster);
  CHECK(again.splits == found.splits);
  CHECK(again.found.plans.front().plan == best.plan);
}

TEST_CASE("what no device has too much of is left whole", "[search][split]") {
  const Model model = partition::test::random_model(3, 12);
  const Cluster cluster = uniform_cluster(2);
  const Graph graph = bind_model(model, {}, "test");
  const std::vector<partition::SplitCandidate> candidates = partition::splits_to_try(graph, cluster);
  CHECK(candidates.front().splits.empty());
  CHECK(partition::splits_to_try(bind_model(dominated(8), {}, "test"), uniform_cluster(1)).size() == 1);
  const SplitSearch found = searched(model, cluster);
  const double whole_s = search_step_time(model, "test", {}, cluster, quick()).plans.front().prediction.step_time_s;
  CHECK(found.found.plans.front().prediction.step_time_s <= whole_s);
}

TEST_CASE("a parameter larger than any device's memory is split until it fits", "[search][split]") {
  const Model model = dominated(512);  // 1 MB, 4 MB with its gradient and two moments
  Cluster cluster = uniform_cluster(4);
  for (DeviceType& type : cluster.types) type.memory_bytes = 3'000'000;
  CHECK_THROWS_AS(search_step_time(model, "test", {}, cluster, quick()), InfeasibleError);
  const SplitSearch found = searched(model, cluster);
  REQUIRE(!found.splits.empty());
  for (const DevicePrediction& device : found.found.plans.front().prediction.devices) {
    CHECK(device.memory_bytes <= 3'000'000);
  }
}

TEST_CASE("parts lie side by side", "[search][split]") {
  CHECK(partition::part_of("conv.part3") == 2);
  CHECK(partition::part_of("conv.rows1") == 0);
  CHECK(partition::part_of("conv") == -1);
  CHECK(partition::part_of("conv.part") == -1);
  CHECK(partition::part_of("conv.part0") == -1);
  const std::vector<NodeSplit> splits = {{"heavy", SplitWay::kColumns, 2}};
  const TrainingGraph training = training_graph_of(model_in_parts(dominated(8), splits, "test"), {}, "test");
  const PlacementUnits units = placement_units(training);
  const std::vector<Placement> placements = partition::part_placements(training, units, 4);
  REQUIRE(placements.size() == 2);  // one stage of two devices, two stages of two
  const auto device_of = [&](const Placement& placement, const char* name) {
    return index(placement[training.graph.find_node(name).value()]);
  };
  CHECK(device_of(placements[0], "heavy.part1") == 0);
  CHECK(device_of(placements[0], "heavy.part2") == 1);
  CHECK(device_of(placements[0], "heavy") == 0);
  CHECK(device_of(placements[1], "heavy.part2") == device_of(placements[1], "heavy.part1") + 1);
  CHECK(partition::part_placements(training, units, 1).empty());
  const TrainingGraph whole = training_graph_of(dominated(8), {}, "test");
  CHECK(partition::part_placements(whole, placement_units(whole), 4).empty());
}
