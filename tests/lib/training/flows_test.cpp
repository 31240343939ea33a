#include "lib/training/flows.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "tests/lib/training/graph_text.hpp"
#include "tests/lib/training/random_graph.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

constexpr std::int64_t kZero = 0;

TrainingGraph train(const Graph& graph, std::int32_t microbatches) {
  DifferentiateOptions options;
  options.microbatches = microbatches;
  return differentiate(graph, options);
}

// x[2,3] → a: Gemm w1[3,4] → b: Relu → c: Gemm w2[4,5], with a skip a → d
Graph skipping() {
  GraphBuilder builder("skipping");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {2, 3}});
  const TensorId w1 = builder.add_parameter("w1", {DataType::kFloat32, {3, 4}}, {});
  const TensorId w2 = builder.add_parameter("w2", {DataType::kFloat32, {4, 4}}, {});
  const TensorId a = builder.add("Gemm", "a", {x, w1});
  const TensorId b = builder.add("Relu", "b", {a});
  const TensorId c = builder.add("Gemm", "c", {b, w2});
  const TensorId d = builder.add("Add", "d", {c, a});
  builder.set_loss(builder.add("ReduceSum", "loss", {d}, {{"keepdims", kZero}}), LossReduction::kMean);
  return std::move(builder).build();
}

std::string to_text(const TrainingGraph& training, const PlacementUnits& units) {
  const auto name = [&](UnitId unit) { return training.graph.node(units.nodes[unit].front()).name; };
  std::string text;
  for (const Flow& flow : units.flows) {
    text += training.graph.tensor(flow.tensor).name + ": " + name(flow.from) + " ->";
    for (const UnitId reader : flow.readers) text.append(" ").append(name(reader));
    text.append(" ").append(std::to_string(flow.bytes_per_step)).append("\n");
  }
  return text;
}

Placement placement_of(const std::vector<int>& devices) {
  Placement placement;
  for (const int device : devices) placement.push_back(make_id<DeviceId>(device));
  return placement;
}

// Counts again from the graph alone: which device reads what from where.
Traffic recount(const TrainingGraph& training, const PlacementUnits& units, const Placement& placement) {
  const Graph& graph = training.graph;
  const auto device = [&](NodeId node) { return placement[training.placed_with[node]]; };
  Traffic sum;
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.kind == TensorKind::kInput) continue;
    const bool is_parameter = tensor.kind == TensorKind::kParameter;
    const NodeId holder = is_parameter ? training.home[id] : tensor.producer;
    bool read_once = is_parameter || training.phase[holder] == Phase::kUpdate;
    std::set<UnitId> units_reached;
    std::set<DeviceId> devices_reached;
    for (const NodeId reader : ids<NodeId>(graph.nodes().size())) {
      bool reads = false;
      for (const TensorId input : graph.node(reader).inputs) reads = reads || input == id;
      if (!reads) continue;
      const bool sums = training.phase[holder] == Phase::kBackward && training.phase[reader] == Phase::kUpdate;
      read_once = read_once || (!is_parameter && sums);
      if (device(reader) == device(holder)) continue;
      units_reached.insert(units.unit_of[reader]);
      devices_reached.insert(device(reader));
    }
    const std::int64_t size = bytes(tensor.type) * (read_once ? 1 : training.microbatches);
    sum.cut += size * static_cast<std::int64_t>(units_reached.size());
    sum.communication_volume += size * static_cast<std::int64_t>(devices_reached.size());
  }
  return sum;
}

}  // namespace

TEST_CASE("flows are the tensors that other units read, in bytes a step", "[training]") {
  const TrainingGraph training = train(skipping(), 4);
  const PlacementUnits units = placement_units(training);
  CHECK(units.nodes.size() == 5);
  CHECK(to_text(training, units) ==
        "a: a -> b d 128\n"
        "b: b -> c 128\n"
        "c: c -> d 128\n"
        "d: d -> loss 128\n"
        "loss.grad.X: loss -> b c 128\n"
        "c.grad.A: c -> b 128\n"
        "b.grad.sum: b -> a 128\n");
}

TEST_CASE("the cut counts unit pairs, the volume devices", "[training]") {
  const TrainingGraph training = train(skipping(), 1);
  const PlacementUnits units = placement_units(training);
  const std::int64_t size = 4 * 2 * 4;  // float32[2, 4]: every tensor that flows
  CHECK(traffic(units, placement_of({0, 0, 0, 0, 0})) == Traffic{0, 0});
  // a | b c d loss: a crosses to b and d, one device; the gradient's sum comes back once.
  CHECK(traffic(units, placement_of({0, 1, 1, 1, 1})) == Traffic{3 * size, 2 * size});
  // a b | c d loss: a to d, b to c; loss.grad.X to b, c.grad.A to b.
  CHECK(traffic(units, placement_of({0, 0, 1, 1, 1})) == Traffic{4 * size, 4 * size});
}

TEST_CASE("colocated nodes are one unit, with the device one of them is pinned to", "[training]") {
  GraphBuilder builder("colocated");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {2, 3}});
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {3, 3}}, {});
  const auto add = [&](const char* name, TensorId from, const char* group, std::optional<std::int64_t> device) {
    Node node;
    node.name = name;
    node.op_name = "Gemm";
    node.inputs = {from, w};
    node.colocate = group;
    node.device = device;
    return builder.peek().node(builder.add_node(std::move(node), {name})).outputs[0];
  };
  SECTION("one device") {
    const TensorId c = add("c", add("b", add("a", x, "g", std::nullopt), "", 2), "g", 1);
    builder.set_loss(builder.add("ReduceSum", "loss", {c}, {{"keepdims", kZero}}), LossReduction::kSum);
    const TrainingGraph training = train(std::move(builder).build(), 2);
    const PlacementUnits units = placement_units(training);
    REQUIRE(units.nodes.size() == 3);
    CHECK(units.nodes[UnitId{0}] == std::vector<NodeId>{NodeId{0}, NodeId{2}});
    CHECK(units.pinned[UnitId{0}] == make_id<DeviceId>(1));
    CHECK(units.pinned[UnitId{1}] == make_id<DeviceId>(2));
    CHECK_FALSE(units.pinned[UnitId{2}].has_value());
    CHECK(units.unit_of[training.graph.find_node("w.update").value()] == UnitId{0});
    // The shared parameter and its gradient travel once a step, activations once a microbatch.
    for (const Flow& flow : units.flows) {
      const bool once = training.graph.tensor(flow.tensor).name == "w" || training.is_accumulated(flow.tensor) ||
                        training.phase[training.graph.tensor(flow.tensor).producer] == Phase::kUpdate;
      CHECK(flow.bytes_per_step == bytes(training.graph.tensor(flow.tensor).type) * (once ? 1 : 2));
    }
  }
  SECTION("two devices") {
    const TensorId b = add("b", add("a", x, "g", 0), "g", 1);
    builder.set_loss(builder.add("ReduceSum", "loss", {b}, {{"keepdims", kZero}}), LossReduction::kSum);
    const TrainingGraph training = train(std::move(builder).build(), 1);
    CHECK_THROWS_AS(placement_units(training), InputError);
  }
}

TEST_CASE("traffic agrees with a recount on random graphs and placements", "[training]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    const TrainingGraph training = train(test::random_graph(seed, 12), 3);
    const PlacementUnits units = placement_units(training);
    const RandomStream random(seed, "placement");
    std::map<UnitId, DeviceId> device_of;
    Placement placement;
    for (std::int32_t n = 0; n < training.forward_nodes; ++n) {
      const UnitId unit = units.unit_of[make_id<NodeId>(n)];
      device_of.emplace(unit, make_id<DeviceId>(random.below(static_cast<std::uint64_t>(n), 3)));
      placement.push_back(device_of.at(unit));
    }
    const Traffic counted = recount(training, units, placement);
    CHECK(traffic(units, placement) == counted);
    CHECK(counted.communication_volume <= counted.cut);
  }
}

TEST_CASE("an activation's gradient crosses a cut at most as often as the activation", "[training]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    const TrainingGraph training = train(test::random_graph(seed, 12), 1);
    const Graph& graph = training.graph;
    // Along a fold, each partial sum is read by the next consumer alone: sums form a chain towards the producer.
    for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
      const Node& node = graph.node(id);
      if (node.op->name != "Add" || training.phase[id] == Phase::kForward) continue;
      CHECK(node.name.find(".grad.sum") != std::string::npos);
      CHECK(training.placed_with[id] < make_id<NodeId>(training.forward_nodes));
      const NodeId before = graph.tensor(node.inputs[0]).producer;
      CHECK(index(training.placed_with[before]) >= index(training.placed_with[id]));
    }
  }
}
