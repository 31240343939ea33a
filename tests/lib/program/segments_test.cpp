#include "lib/program/segments.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::NodeId;
using mp::Pass;
using mp::Segment;

namespace {

std::vector<Segment> segments_of(const mp::Graph& forward, const mp::Placement& placement, bool split) {
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  return make_segments(training, devices_of_nodes(training, placement), {.split_weight_gradients = split});
}

// "F d0 l0: s0 s1": the forward segments, or the backward ones.
std::string text(const mp::TrainingGraph& training, const std::vector<Segment>& segments, Pass pass) {
  std::string lines;
  for (const Segment& segment : segments) {
    if (segment.pass != pass) continue;
    lines += "device " + std::to_string(mp::index(segment.device)) + ", level " + std::to_string(segment.level) + ":";
    for (const NodeId n : segment.nodes) lines += " " + training.graph.node(n).name;
    lines += "\n";
  }
  return lines;
}

}  // namespace

// Device 0 has both ends of the chain, as a cut may: it gets two segments, for one of both would wait for itself.
TEST_CASE("nodes of a device with a foreign node between them are two segments", "[program][segments]") {
  const mp::Graph forward = mp::test::measured_chain({.stages = 4});
  const mp::Placement placement = {DeviceId{0}, DeviceId{0}, DeviceId{1}, DeviceId{0}};
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  const std::vector<Segment> segments = make_segments(training, devices_of_nodes(training, placement));
  CHECK(text(training, segments, Pass::kForward) ==
        "device 0, level 0: s0 s1\n"
        "device 1, level 1: s2\n"
        "device 0, level 2: s3\n");
  CHECK(text(training, segments, Pass::kBackward) ==
        "device 0, level 0: s3.grad\n"
        "device 1, level 1: s2.grad\n"
        "device 0, level 2: s1.grad s0.grad\n");
  CHECK(segments[0].successors ==
        std::vector<std::int32_t>{1, 4, 5});  // s2, s2.grad (which reads s1's output), s1.grad
  CHECK(segments[1].predecessors == 1);
}

// A node that needs nobody, on the device of the last stage: it joins the work its device has there.
TEST_CASE("a node nobody waits for joins the segment that reads it", "[program][segments]") {
  mp::GraphBuilder builder("late");
  const auto stage = [&](const std::string& name, std::vector<mp::TensorId> inputs) {
    mp::Node node;
    node.name = name;
    node.op = &mp::opaque_operator();
    node.op_name = "Stage";
    node.cost = mp::MeasuredCost{1.0, 0.0, 0, {4}};
    node.inputs = std::move(inputs);
    const NodeId id = builder.add_node(std::move(node), {name + ".out"});
    return builder.peek().node(id).outputs[0];
  };
  const mp::TensorId position = stage("position", {});
  const mp::TensorId first = stage("first", {});
  stage("last", {first, position});
  const mp::Graph forward = std::move(builder).build();
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  const mp::Placement placement = {DeviceId{1}, DeviceId{0}, DeviceId{1}};
  const std::vector<Segment> segments = make_segments(training, devices_of_nodes(training, placement));
  CHECK(text(training, segments, Pass::kForward) ==
        "device 0, level 0: first\n"
        "device 1, level 1: position last\n");
}

// fc1's whole backward pass serves its own update: the input needs no gradient.
TEST_CASE("weight gradients are split off where a schedule wants them apart", "[program][segments]") {
  const mp::Graph forward = mp::test::two_layers();
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  const mp::Placement placement = mp::test::contiguous_placement(forward, 1);
  const std::vector<Segment> segments =
      make_segments(training, devices_of_nodes(training, placement), {.split_weight_gradients = true});
  CHECK(text(training, segments, Pass::kBackward) == "device 0, level 0: loss.grad loss.grad.X fc2.grad.A\n");
  CHECK(text(training, segments, Pass::kWeightGradient) == "device 0, level 0: fc2.grad.B fc1.grad.B fc1.grad.C.sum\n");
}

// x → first, second → their sum: both products send a gradient back to x.
TEST_CASE("gradients of one tensor are added as soon as there are both", "[program][segments]") {
  mp::GraphBuilder builder("two readers");
  const mp::TensorType matrix{mp::DataType::kFloat32, {4, 4}};
  const auto parameter = [&](const std::string& name) { return builder.add_parameter(name, matrix, {}); };
  const mp::TensorId x = builder.add("Gemm", "x", {builder.add_input("in", matrix), parameter("w")});
  const mp::TensorId first = builder.add("Gemm", "first", {x, parameter("w1")});
  const mp::TensorId second = builder.add("Gemm", "second", {x, parameter("w2")});
  const mp::TensorId y = builder.add("Add", "y", {first, second});
  builder.set_loss(builder.add("MeanSquaredError", "loss", {y, builder.add_input("target", matrix)}),
                   mp::LossReduction::kMean);
  const mp::Graph forward = std::move(builder).build();
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 1});
  const mp::Placement placement = mp::test::contiguous_placement(forward, 1);
  CHECK(text(training, make_segments(training, devices_of_nodes(training, placement)), Pass::kBackward) ==
        "device 0, level 0: loss.grad loss.grad.X second.grad.A second.grad.B "
        "first.grad.A first.grad.sum first.grad.B x.grad.B\n");
}

TEST_CASE("segments hold every node of the passes once and never wait in a circle", "[program][segments]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 30)));
  const mp::Graph forward = mp::test::random_model(seed, 40);
  const auto devices = static_cast<std::int32_t>(1 + seed % 8);
  const bool split = GENERATE(false, true);
  const std::vector<Segment> segments = segments_of(forward, mp::test::random_placement(seed, forward, devices), split);
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  std::size_t nodes = 0;
  std::set<NodeId> made;
  std::map<std::tuple<Pass, std::int32_t, DeviceId>, int> seen;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    nodes += segments[s].nodes.size();
    CHECK(++seen[{segments[s].pass, segments[s].level, segments[s].device}] == 1);
    for (const std::int32_t to : segments[s].successors) CHECK(to > static_cast<std::int32_t>(s));
    for (const NodeId n : segments[s].nodes) {
      for (const mp::TensorId input : training.graph.node(n).inputs) {
        if (input == mp::kNone<mp::TensorId>) continue;
        const NodeId maker = training.graph.tensor(input).producer;
        CHECK((maker == mp::kNone<NodeId> || made.count(maker) == 1));
      }
      made.insert(n);
    }
  }
  std::size_t expected = 0;
  for (const mp::Phase phase : training.phase) expected += phase == mp::Phase::kUpdate ? 0 : 1;
  CHECK(nodes == expected);
}
