// Orders of units for pipelines of models that branch.
#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "partition/max_load/contiguous.hpp"
#include "partition/max_load/model_loads.hpp"
#include "partition/search/stage_orders.hpp"
#include "partition/search/step_search.hpp"
#include "tests/partition/search/models.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

struct Work {
  TrainingGraph training;
  PlacementUnits units;
};

Work work_of(const Model& model) {
  TrainingGraph training = training_graph_of(model, {}, "test");
  PlacementUnits units = placement_units(training);
  return {std::move(training), std::move(units)};
}

std::vector<DeviceId> all_devices(const Cluster& cluster) {
  std::vector<DeviceId> devices;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) devices.push_back(d);
  return devices;
}

// Transfers count about as much as a layer.
Cluster slow_links(int devices) {
  Cluster cluster = uniform_cluster(devices);
  cluster.types[0].flops_per_s = {{DataType::kFloat32, 1e9}};
  cluster.within_host.bandwidth_bytes_per_s = 1e8;
  return cluster;
}

std::vector<std::int32_t> file_order(const PlacementUnits& units) {
  std::vector<std::int32_t> order;
  for (const UnitId unit : units_in_model_order(units)) order.push_back(static_cast<std::int32_t>(unit));
  return order;
}

}  // namespace

TEST_CASE("models that branch have pipelines better than any stretches of their file", "[search]") {
  const Work work = work_of(test::tower_model(3, 5, 32));
  const Cluster cluster = slow_links(4);
  const std::vector<StageOrder> orders = stage_orders(work.training, work.units, cluster, all_devices(cluster), 4);
  REQUIRE(!orders.empty());
  LoadProblem problem = load_problem_of(work.training, work.units, cluster);
  for (const StageOrder& order : orders) {
    problem.class_of.assign(order.stages, 0);
    const double along_file_s = best_along(problem, file_order(work.units)).seconds;
    CHECK(max_load_of(work.training, work.units, cluster, order.placement) < along_file_s);
    std::vector<std::size_t> place(order.units.size());
    for (std::size_t i = 0; i < place.size(); ++i) place[index(order.units[i])] = i;
    for (const auto& [a, b] : problem.order) {
      CHECK(place[static_cast<std::size_t>(a)] < place[static_cast<std::size_t>(b)]);
    }
    std::vector<DeviceId> stages;
    for (const UnitId unit : order.units) stages.push_back(order.placement[work.units.nodes[unit].front()]);
    stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
    CHECK(stages.size() == std::set<DeviceId>(stages.begin(), stages.end()).size());  // each a stretch
    CHECK(stages.size() == order.stages);
  }
}

TEST_CASE("chains need no orders but that of their file", "[search]") {
  const Work work = work_of(test::chain_model(12, 32));
  const Cluster cluster = slow_links(4);
  CHECK(stage_orders(work.training, work.units, cluster, all_devices(cluster), 4).empty());
}

TEST_CASE("the search tries the stages of models that branch", "[search]") {
  StepSearchOptions options;
  options.portfolio.effort = Effort::kFast;
  const StepSearch found = search_step_time(test::tower_model(3, 5, 32), "test", {}, slow_links(3), options);
  CHECK(std::any_of(found.plans.begin(), found.plans.end(),
                    [](const JudgedPlan& judged) { return judged.plan.algorithm.starts_with("ideals"); }));
}

}  // namespace mp::partition
