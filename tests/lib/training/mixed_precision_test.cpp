#include "lib/training/mixed_precision.hpp"

#include <string>
#include <utility>

#include "lib/graph/builder.hpp"
#include "lib/program/program.hpp"
#include "lib/training/training_graph.hpp"
#include "lib/training/update_nodes.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/lib/training/graph_text.hpp"
#include "tests/support/catch.hpp"

namespace mp {
namespace {

// x → fc → norm → relu → root (float32) → fc2 → mean squared error.
Graph model() {
  GraphBuilder builder("m");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {4, 8}}, "normal");
  const TensorId target = builder.add_input("target", {DataType::kFloat32, {4, 8}}, "normal");
  const auto weight = [&](const std::string& name, Shape shape) {
    return builder.add_parameter(name, {DataType::kFloat32, std::move(shape)}, {});
  };
  const TensorId fc = builder.add("Gemm", "fc", {x, weight("w1", {8, 8}), weight("b1", {8})});
  const TensorId norm = builder.add("LayerNormalization", "norm", {fc, weight("scale", {8}), weight("shift", {8})});
  const TensorId relu = builder.add("Relu", "relu", {norm});
  const TensorId exp = builder.add("Exp", "exp", {relu});
  const TensorId fc2 = builder.add("Gemm", "fc2", {exp, weight("w2", {8, 8})});
  builder.set_loss(builder.add("MeanSquaredError", "loss", {fc2, target}), LossReduction::kMean);
  return std::move(builder).build();
}

std::string types_of(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes()) {
    text += node.name + " = " + node.op_name + "(";
    for (const TensorId t : node.inputs) {
      text += t == node.inputs.front() ? "" : ", ";
      text += graph.tensor(t).name + (graph.tensor(t).type.type == DataType::kBfloat16 ? " low" : "");
    }
    text += ")" + (node.colocate.empty() ? "" : " with " + node.colocate) + "\n";
  }
  return text;
}

// Of one device.
std::int64_t arena(const TrainingGraph& training) {
  const Program program =
      compile(training, Placement(static_cast<std::size_t>(training.forward_nodes), DeviceId{0}), {});
  CHECK(check_program(program).empty());
  return program.devices[DeviceId{0}].arena_bytes;
}

}  // namespace

TEST_CASE("casts stand where bfloat16 and float32 meet, with the node they serve", "[precision]") {
  CHECK(types_of(mixed_precision(model())) ==
        "fc.x.bfloat16 = Cast(x) with fc\n"
        "fc = Gemm(fc.x.bfloat16 low, w1 low, b1 low) with fc\n"
        "norm = LayerNormalization(fc low, scale, shift)\n"
        "relu = Relu(norm low)\n"
        "exp.relu.float32 = Cast(relu low) with exp\n"
        "exp = Exp(exp.relu.float32) with exp\n"
        "exp.bfloat16 = Cast(exp) with exp\n"
        "fc2 = Gemm(exp.bfloat16 low, w2 low)\n"
        "loss.fc2.float32 = Cast(fc2 low) with loss\n"
        "loss = MeanSquaredError(loss.fc2.float32, target) with loss\n");
}

TEST_CASE("nothing is rounded where nothing asks for it", "[precision]") {
  GraphBuilder builder("m");
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {4}}, {});
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {4}}, "normal");
  const TensorId y = builder.add("Mul", "y", {x, w});
  builder.set_loss(builder.add("ReduceMean", "loss", {y}, {{"keepdims", std::int64_t{0}}}), LossReduction::kMean);
  const Graph graph = std::move(builder).build();
  CHECK(types_of(mixed_precision(graph)) == types_of(graph));
}

TEST_CASE("gradients of rounded parameters are summed in float32, and masters are updated", "[precision]") {
  for (const Optimizer& optimizer : {Optimizer{.kind = OptimizerKind::kSgd, .weight_decay = 0.0},
                                     Optimizer{.kind = OptimizerKind::kSgd, .momentum = 0.9}, Optimizer{}}) {
    const TrainingGraph training = differentiate(mixed_precision(model()), {.optimizer = optimizer, .microbatches = 2});
    REQUIRE(training.trained.size() == 5);
    const Graph& graph = training.graph;
    for (const TrainedParameter& trained : training.trained) {
      const Tensor& parameter = graph.tensor(trained.parameter);
      CAPTURE(parameter.name);
      const bool is_low = parameter.name.front() == 'w' || parameter.name == "b1";
      CHECK((parameter.type.type == DataType::kBfloat16) == is_low);
      CHECK(graph.tensor(trained.gradient).type == TensorType{DataType::kFloat32, parameter.type.shape});
      CHECK(training.is_accumulated(trained.gradient));
      const Node& update = graph.node(trained.update);
      const TensorId master = master_of(graph, trained);
      CHECK((master != kNone<TensorId>) == is_low);
      if (!is_low) continue;
      CHECK(graph.tensor(master).name == parameter.name + ".master");
      CHECK(update.inputs.front() == master);
      CHECK(update.inputs.back() == trained.parameter);
      CHECK(training.home[master] == training.home[trained.parameter]);
      for (const NodeId reader : graph.consumers(master)) CHECK(training.phase[reader] == Phase::kUpdate);
    }
  }
}

TEST_CASE("random models keep their nodes, and their programs hold together", "[precision]") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const Graph forward = test::random_model(seed, 12);
    const Graph low = mixed_precision(forward);
    std::size_t found = 0;
    for (const Node& node : low.nodes()) {
      if (is_inserted_cast(node)) {
        CHECK_FALSE(node.colocate.empty());
      } else {
        CHECK(node.name == forward.nodes()[make_id<NodeId>(found++)].name);
      }
    }
    CHECK(found == forward.nodes().size());
    arena(differentiate(low, {.optimizer = {}, .microbatches = 2}));
  }
}

TEST_CASE("a transformer needs less memory in bfloat16", "[precision]") {
  const Graph forward = test::transformer_like(4, 64);
  const std::int64_t full = arena(differentiate(forward, {}));
  const std::int64_t low = arena(differentiate(mixed_precision(forward), {}));
  CHECK(low < full);
  CAPTURE(full, low);
}

}  // namespace mp
