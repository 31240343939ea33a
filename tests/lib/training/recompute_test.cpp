#include "lib/training/recompute.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "lib/program/program.hpp"
#include "lib/training/recompute_choice.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/lib/training/graph_text.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::to_text;

namespace {

TensorType matrix(std::int64_t rows, std::int64_t columns) { return {DataType::kFloat32, {rows, columns}}; }

const Optimizer kSgd{.kind = OptimizerKind::kSgd, .weight_decay = 0.0};

// x → fc1 → dropout → flat (a view) → fc2 → sum
Graph chain() {
  GraphBuilder builder("chain");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId w1 = builder.add_parameter("w1", matrix(3, 4), {});
  const TensorId w2 = builder.add_parameter("w2", matrix(4, 5), {});
  const TensorId hidden = builder.add("Dropout", "drop", {builder.add("Gemm", "fc1", {x, w1})});
  const TensorId flat = builder.add("Identity", "flat", {hidden});
  const TensorId y = builder.add("Gemm", "fc2", {flat, w2});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", std::int64_t{0}}}), LossReduction::kMean);
  return std::move(builder).build();
}

std::vector<NodeId> named(const TrainingGraph& training, const std::vector<std::string>& names) {
  std::vector<NodeId> nodes;
  for (const std::string& name : names) nodes.push_back(training.graph.find_node(name).value());
  return nodes;
}

const Placement kOneDevice(5, DeviceId{0});

std::string backward_of(const TrainingGraph& training) {
  const std::string text = to_text(training);
  return text.substr(text.find("B "), text.find("U ") - text.find("B "));
}

std::int64_t arena(const TrainingGraph& training, const Placement& placement, std::int32_t devices, DeviceId device) {
  return compile(training, placement, {.schedule = Schedule::k1f1b, .devices = devices}).devices[device].arena_bytes;
}

}  // namespace

TEST_CASE("what backward needs is made again right before it, views with it, by the same random numbers",
          "[training][recompute]") {
  const TrainingGraph training = differentiate(chain(), {.optimizer = kSgd, .microbatches = 1});
  const TrainingGraph again = recompute(training, kOneDevice, named(training, {"fc1", "drop"}));
  CHECK(backward_of(again) ==
        "B Constant() -> loss.grad @ loss\n"
        "B Reshape(loss.grad) -> loss.grad.X.view @ loss\n"
        "B Expand(loss.grad.X.view) -> loss.grad.X @ loss\n"
        "B Gemm(loss.grad.X, w2) -> fc2.grad.A @ fc2\n"
        "B Gemm(x, w1) -> fc1.again @ fc1\n"
        "B Dropout(fc1.again) -> drop.again @ drop\n"
        "B Identity(drop.again) -> flat.again @ flat\n"
        "B Gemm(flat.again, loss.grad.X) -> fc2.grad.B @ fc2\n"
        "B DropoutGrad(fc2.grad.A) -> drop.grad.X @ drop\n"
        "B Gemm(x, drop.grad.X) -> fc1.grad.B @ fc1\n");
  const Node& dropout = again.graph.node(again.graph.find_node("drop.again").value());
  CHECK(dropout.attributes.get_string("stream", "") == "drop");
  for (const NodeId n : ids<NodeId>(5)) CHECK(again.graph.node(n).name == training.graph.node(n).name);
  CHECK(again.trained.size() == training.trained.size());
  CHECK(again.graph.node(again.trained[0].update).name == "w1.update");
}

TEST_CASE("what came from another device is kept", "[training][recompute]") {
  const TrainingGraph training = differentiate(chain(), {.optimizer = kSgd, .microbatches = 1});
  const Placement split = {DeviceId{0}, DeviceId{0}, DeviceId{1}, DeviceId{1}, DeviceId{1}};
  const std::string text = backward_of(recompute(training, split, named(training, {"fc1", "drop", "flat", "fc2"})));
  CHECK(text.find("again") == std::string::npos);
}

TEST_CASE("a state is updated once", "[training][recompute]") {
  GraphBuilder builder("states");
  const TensorType channels{DataType::kFloat32, {4}};
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {2, 4, 3, 3}});
  const TensorId scale = builder.add_parameter("scale", channels, {});
  const TensorId bias = builder.add_parameter("bias", channels, {});
  const TensorId mean = builder.add_parameter("mean", channels, {}, false);
  const TensorId variance = builder.add_parameter("variance", channels, {}, false);
  Node node;
  node.name = "bn";
  node.op_name = "BatchNormalization";
  node.inputs = {x, scale, bias, mean, variance};
  node.attributes = {{"training_mode", std::int64_t{1}}};
  const NodeId bn = builder.add_node(std::move(node), {"y", "new.mean", "new.variance"});
  const TensorId y = builder.peek().node(bn).outputs[0];
  const TensorId z = builder.add("Sigmoid", "act", {y});
  builder.set_loss(builder.add("ReduceSum", "loss", {z}, {{"keepdims", std::int64_t{0}}}), LossReduction::kMean);
  const TrainingGraph training = differentiate(std::move(builder).build(), {.optimizer = kSgd, .microbatches = 2});
  const Placement placement(3, DeviceId{0});
  const TrainingGraph again = recompute(training, placement, named(training, {"bn", "act"}));
  CHECK(to_text(again).find("B BatchNormalization(x, scale, bias, scale, scale) -> "
                            "y.again, -, -, bn.saved_mean.again, bn.saved_inv_std_dev.again @ bn") !=
        std::string::npos);
  CHECK(check_program(compile(again, placement, {.schedule = Schedule::k1f1b, .devices = 1})) ==
        std::vector<std::string>{});
}

TEST_CASE("programs that recompute have no fault, whatever the graph, the placement and the nodes",
          "[training][recompute]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 25)));
  const Graph forward = mp::test::random_model(seed, 4 + static_cast<std::int32_t>(seed));
  const TrainingGraph training = differentiate(forward, {.optimizer = kSgd, .microbatches = 3});
  const auto devices = static_cast<std::int32_t>(1 + seed % 4);
  const Placement placement = mp::test::random_placement(seed, forward, devices);
  const RandomStream random(seed, "recompute");
  std::vector<NodeId> some;
  for (const NodeId n : ids<NodeId>(placement.size())) {
    if (random.below(index(n), 3) > 0) some.push_back(n);
  }
  std::vector<std::vector<NodeId>> choices = {some};
  for (const RecomputePattern pattern : {RecomputePattern::kBlocks, RecomputePattern::kAll}) {
    choices.push_back(nodes_to_recompute(training, placement, pattern));
    CHECK(std::is_sorted(choices.back().begin(), choices.back().end()));
  }
  for (const std::vector<NodeId>& nodes : choices) {
    const TrainingGraph again = recompute(training, placement, nodes);
    const Program program = compile(again, placement, {.schedule = Schedule::k1f1b, .devices = devices});
    CHECK(check_program(program) == std::vector<std::string>{});
  }
  CHECK(nodes_to_recompute(training, placement, RecomputePattern::kNone).empty());
}

TEST_CASE("memory falls: by blocks on one device, by stages in a pipeline", "[training][recompute]") {
  const Graph forward = mp::test::transformer_like(16, 64);
  const auto recomputed = [&](const TrainingGraph& training, const Placement& placement, RecomputePattern pattern) {
    return recompute(training, placement, nodes_to_recompute(training, placement, pattern));
  };
  const TrainingGraph whole = differentiate(forward, {.optimizer = kSgd, .microbatches = 1});
  const Placement one = mp::test::contiguous_placement(forward, 1);
  std::int64_t kept = 0;
  for (const GraphParameter& parameter : whole.graph.parameters()) {
    kept += 2 * bytes(whole.graph.tensor(parameter.tensor).type);  // and the gradient
  }
  const std::int64_t without = arena(whole, one, 1, DeviceId{0}) - kept;
  const std::int64_t blocks = arena(recomputed(whole, one, RecomputePattern::kBlocks), one, 1, DeviceId{0}) - kept;
  CHECK(blocks < without / 2);
  const TrainingGraph many = differentiate(forward, {.optimizer = kSgd, .microbatches = 8});
  const Placement four = mp::test::contiguous_placement(forward, 4);
  const std::int64_t stage = arena(recomputed(many, four, RecomputePattern::kAll), four, 4, DeviceId{0}) - kept / 4;
  CHECK(stage < (arena(many, four, 4, DeviceId{0}) - kept / 4) / 2);
}
