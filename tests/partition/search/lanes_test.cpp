// Stages of several devices: parts of nodes side by side, and what they send each other.
#include "partition/search/lanes.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/program/simulate.hpp"
#include "partition/search/split_search.hpp"
#include "tests/partition/search/models.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace mp;
using partition::JudgedPlan;
using partition::SplitSearch;
using partition::test::quick;

constexpr std::int64_t kRows = 16;   // of a batch
constexpr std::int64_t kWidth = 64;  // chain_model()

// Compute takes long, transfers within a host do not.
Cluster hosts_of_four(int devices) {
  Cluster cluster = uniform_cluster(devices);
  cluster.types[0].flops_per_s = {{DataType::kFloat32, 1e8}};
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    cluster.devices[d].host = static_cast<std::int32_t>(index(d)) / 4;
  }
  cluster.between_hosts = {.latency_s = 1e-3, .bandwidth_bytes_per_s = 1e6};
  return cluster;
}

std::vector<NodeSplit> pairs(const Model& model, std::int64_t parts) {
  return tensor_parallel_splits(bind_model(model, {}, "test"), parts);
}

}  // namespace

TEST_CASE("lanes are groups of devices of one host and type, parts go round them", "[search][lanes]") {
  Cluster cluster = hosts_of_four(7);  // four and three
  std::vector<DeviceId> order;
  for (const DeviceId d : ids<DeviceId>(7)) order.push_back(d);
  const auto leaders = [&](std::int32_t count) {
    std::vector<std::size_t> first;
    for (const ReplicaGroup& group : partition::lane_groups(cluster, order, count)) {
      CHECK(group.size() == static_cast<std::size_t>(count));
      first.push_back(index(group.front()));
    }
    return first;
  };
  CHECK(leaders(1) == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(leaders(2) == std::vector<std::size_t>{0, 2, 4});
  CHECK(leaders(4) == std::vector<std::size_t>{0});
  CHECK(leaders(8).empty());
  cluster.types.push_back(cluster.types[0]);
  cluster.devices[DeviceId{1}].type = 1;
  CHECK(leaders(2) == std::vector<std::size_t>{2, 4});
}

TEST_CASE("what lanes exchange is counted once for all parts of a node", "[search][lanes]") {
  const Model model = partition::test::chain_model(2, static_cast<int>(kWidth));
  const std::vector<NodeSplit> splits = pairs(model, 4);
  REQUIRE(splits.size() == 2);
  const TrainingGraph training = training_graph_of(model_in_parts(model, splits, "test"), {}, "test");
  const PlacementUnits units = placement_units(training);
  CHECK(partition::most_parts(training) == 4);
  const partition::Lanes lanes = partition::lanes_of(training, units, 4);
  const auto lane_of = [&](const char* name) {
    return lanes.of[units.unit_of[training.graph.find_node(name).value()]];
  };
  CHECK(lane_of((splits[0].node + ".part3").c_str()) == 2);
  CHECK(lane_of(splits[1].node.c_str()) == 0);
  // Partial sums of three other lanes come to the first, and the gradient of the sum goes to them. The products read an
  // input of the model, of which every lane has its own.
  const std::int64_t whole = kRows * kWidth * 4;
  std::int64_t forward = 0;
  std::int64_t backward = 0;
  for (const partition::LaneExchange& exchange : partition::lane_exchanges(training, units, lanes)) {
    (exchange.forward ? forward : backward) += exchange.bytes;
  }
  CHECK(forward == 3 * whole);
  CHECK(backward == 3 * whole);
}

TEST_CASE("one microbatch of a chain of products goes through the devices of a host at once", "[search][lanes]") {
  const Model model = partition::test::chain_model(8, static_cast<int>(kWidth));
  const Cluster cluster = hosts_of_four(8);
  partition::StepSearchOptions options = quick();
  options.microbatches = 1;  // replicas and pipelines have nothing to share
  const Graph graph = bind_model(model, {}, "test");
  const auto candidates = partition::splits_to_try(graph, cluster);
  CHECK(candidates.size() >= 3);
  const SplitSearch found = search_splits(model, "test", {}, cluster, options, candidates);
  const double whole_s = search_step_time(model, "test", {}, cluster, options).plans.front().prediction.step_time_s;
  CHECK(found.splits == pairs(model, 4));
  const JudgedPlan& best = found.found.plans.front();
  CHECK(best.prediction.step_time_s < 0.4 * whole_s);
  CHECK(best.prediction.step_time_s >= found.found.lower_bound_s);
  const Program program = compile(training_graph_of(found.model, {}, "test"), best.plan.placement,
                                  {.schedule = best.plan.schedule,
                                   .alive_limit = best.plan.alive_limit,
                                   .devices = 8,
                                   .cluster = &cluster,
                                   .replicas = best.plan.replicas,
                                   .zero = best.plan.zero});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(simulate(program, cluster).step_time_s == best.prediction.step_time_s);
}

TEST_CASE("replicas of stages of several devices are lane by lane", "[search][lanes]") {
  const Model model = partition::test::chain_model(4, static_cast<int>(kWidth));
  Cluster cluster = hosts_of_four(8);
  cluster.between_hosts = cluster.within_host;
  partition::StepSearchOptions options = quick();
  options.microbatches = 2;  // for two replicas, of four devices each
  options.lanes_alone = true;
  const Model parts = model_in_parts(model, pairs(model, 4), "test");
  const partition::StepSearch found = search_step_time(parts, "test", {}, cluster, options);
  bool replicated = false;
  for (const JudgedPlan& judged : found.plans) {
    for (const ReplicaGroup& group : judged.plan.replicas) {
      replicated = true;
      CHECK(group.size() == 2);
      CHECK(index(group[0]) % 4 == index(group[1]) % 4);
    }
  }
  CHECK(replicated);
}
