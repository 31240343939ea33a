#include "partition/model/partition_model.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/model/device_limits.hpp"
#include "partition/model/model_graph.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kBatch = 4;

TensorId linear(GraphBuilder& builder, const std::string& name, TensorId x, std::int64_t width) {
  const std::int64_t in = builder.type(x).shape[1];
  const TensorId weight = builder.add_parameter(name + ".weight", {DataType::kFloat32, {in, width}}, {});
  return builder.add("Gemm", name, {x, weight});
}

// `layers` linear layers of the widths given, one after the other; the loss is the sum.
GraphBuilder chain(const std::vector<std::int64_t>& widths) {
  GraphBuilder builder("chain");
  TensorId x = builder.add_input("x", {DataType::kFloat32, {kBatch, widths.front()}}, "normal");
  for (std::size_t i = 1; i < widths.size(); ++i) x = linear(builder, "fc" + std::to_string(i), x, widths[i]);
  builder.set_loss(builder.add("ReduceSum", "loss", {x}, {{"keepdims", std::int64_t{0}}}), LossReduction::kSum);
  return builder;
}

TrainingGraph trained(GraphBuilder builder) {
  Optimizer sgd;
  sgd.kind = OptimizerKind::kSgd;
  return differentiate(std::move(builder).build(), {.optimizer = sgd, .microbatches = 1});
}

ModelPartition placed(const TrainingGraph& training, const Cluster& cluster, ModelPartitionOptions options = {}) {
  return partition_model(training, placement_units(training), cluster, options);
}

DeviceId device_of(const TrainingGraph& training, const ModelPartition& found, std::string_view node) {
  return found.candidates[found.chosen].placement[training.graph.find_node(node).value()];
}

}  // namespace

TEST_CASE("a model's graph weighs edges by the bytes of a step, both ways") {
  const TrainingGraph training = trained(chain({8, 16, 4}));
  const PlacementUnits units = placement_units(training);
  const WeightedGraph graph = model_graph(units, unit_costs(training, units, uniform_cluster(1).types[0]));
  REQUIRE(graph.vertices() == 3);
  REQUIRE(graph.edges() == 2);
  // fc1 – fc2: the activation [4, 16] there, its gradient back; fc2 – loss: the activation [4, 4] there, and back the
  // gradient, which the node that makes it (placed with the loss) spreads to the same shape.
  CHECK(graph.edge_weights_of(VertexId{0})[0] == 2 * kBatch * 16 * 4);
  CHECK(graph.edge_weights_of(VertexId{2})[0] == 2 * kBatch * 4 * 4);
  CHECK(graph.weights_of(VertexId{0})[kMemoryConstraint] >= 8 * 16 * 4 * 2);  // weight and its gradient
}

TEST_CASE("a chain is cut where the least crosses, first layers on the first device") {
  const TrainingGraph training = trained(chain({64, 64, 64, 2, 64, 64, 64}));
  ModelPartitionOptions options;
  options.imbalance = 0.2;  // the loss costs something, too
  options.memory_imbalance = 0.5;
  const ModelPartition found = placed(training, uniform_cluster(2), options);
  CHECK(device_of(training, found, "fc1") == DeviceId{0});
  CHECK(device_of(training, found, "fc3") == DeviceId{0});
  CHECK(device_of(training, found, "fc4") == DeviceId{1});
  CHECK(device_of(training, found, "fc6") == DeviceId{1});
  CHECK(found.candidates[found.chosen].traffic.cut == 2 * kBatch * 2 * 4);
}

TEST_CASE("pinned nodes stay where they are pinned, groups stay together") {
  GraphBuilder builder("pinned");
  TensorId x = builder.add_input("x", {DataType::kFloat32, {kBatch, 32}}, "normal");
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    Node node;
    node.name = names.emplace_back("fc" + std::to_string(i));
    node.op_name = "Gemm";
    node.inputs = {x, builder.add_parameter(node.name + ".weight", {DataType::kFloat32, {32, 32}}, {})};
    if (i == 1) node.device = 2;
    if (i == 6) node.device = 0;
    if (i == 3 || i == 5) node.colocate = "pair";
    const std::string output = node.name;
    x = builder.peek().node(builder.add_node(std::move(node), {output})).outputs[0];
  }
  builder.set_loss(builder.add("ReduceSum", "loss", {x}, {{"keepdims", std::int64_t{0}}}), LossReduction::kSum);
  const TrainingGraph training = trained(std::move(builder));
  for (const std::string& algorithm : algorithm_names()) {
    ModelPartitionOptions options;
    options.portfolio.algorithms = {algorithm};
    const ModelPartition found = placed(training, uniform_cluster(3), options);
    CAPTURE(algorithm);
    CHECK(device_of(training, found, "fc1") == DeviceId{2});
    CHECK(device_of(training, found, "fc6") == DeviceId{0});
    CHECK(device_of(training, found, "fc3") == device_of(training, found, "fc5"));
  }
  CHECK_THROWS_AS(placed(training, uniform_cluster(2)), InfeasibleError);
}

TEST_CASE("a node heavier than its share gets a device that holds it, the rest is spread evenly") {
  const TrainingGraph training = trained(chain({64, 64, 64, 64, 64, 1024, 1024, 64, 64}));
  const PlacementUnits units = placement_units(training);
  const Cluster cluster = uniform_cluster(4);
  const WeightedGraph graph = model_graph(units, unit_costs(training, units, cluster.types[0]));
  const IdVector<DeviceId, double> speeds = relative_speeds(training, units, cluster);
  const DeviceRoom room =
      device_room(graph, cluster, speeds, {.compute = 0.03, .memory = 0.25}, {}, HeavyPlacing::kInOrder);
  const VertexId heavy = make_id<VertexId>(index(units.unit_of[training.graph.find_node("fc6").value()]));
  REQUIRE(room.fixed[index(heavy)] != kNone<BlockId>);
  CHECK(room.limits.of(room.fixed[index(heavy)])[kComputeConstraint] >= graph.weights_of(heavy)[kComputeConstraint]);
  // The other devices share what is left: their limit is below the average of all.
  const Weight average = total_weights(graph)[kComputeConstraint] / 4;
  for (std::int32_t b = 0; b < 4; ++b) {
    if (BlockId{b} != room.fixed[index(heavy)]) CHECK(room.limits.of(BlockId{b})[kComputeConstraint] < average);
  }
}

TEST_CASE("memory that devices have is never exceeded, and what cannot be met is refused") {
  const TrainingGraph training = trained(chain({64, 64, 64, 64, 64}));
  Cluster cluster = uniform_cluster(2);
  cluster.types[0].memory_bytes = 70'000;  // two layers of 64 × 64 with gradients: 65,536 bytes and activations
  const ModelPartition found = placed(training, cluster);
  const PlacementUnits units = placement_units(training);
  const WeightedGraph graph = model_graph(units, unit_costs(training, units, cluster.types[0]));
  const std::vector<Weight> loads = block_weights_of(graph, found.candidates[found.chosen].found.assignment, 2);
  CHECK(std::max(loads[1], loads[3]) <= 70'000);
  cluster.types[0].memory_bytes = 40'000;
  CHECK_THROWS_AS(placed(training, cluster), InfeasibleError);
  ModelPartitionOptions strict;
  strict.imbalance = 0.0;
  CHECK_THROWS_AS(placed(trained(chain({64, 64, 64, 64})), uniform_cluster(2), strict), InfeasibleError);
}

TEST_CASE("a faster device gets more of the work") {
  const TrainingGraph training = trained(chain(std::vector<std::int64_t>(21, 512)));
  Cluster cluster = uniform_cluster(2);
  cluster.types.push_back(cluster.types[0]);
  cluster.types[1].name = "fast";
  for (auto& [type, speed] : cluster.types[1].flops_per_s) speed *= 3.0;
  cluster.types[1].memory_bandwidth_bytes_per_s *= 3.0;
  cluster.types[1].launch_overhead_s /= 3.0;
  cluster.devices[DeviceId{1}].type = 1;
  const ModelPartition found = placed(training, cluster);
  const Placement& placement = found.candidates[found.chosen].placement;
  const auto on_fast = std::count(placement.begin(), placement.end(), DeviceId{1});
  CHECK(on_fast >= 14);
  CHECK(on_fast <= 17);
}

}  // namespace mp::partition
