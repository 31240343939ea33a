#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/lib/training/graph_text.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::to_text;

namespace {

constexpr std::int64_t kZero = 0;

TensorType matrix(std::int64_t rows, std::int64_t columns) { return {DataType::kFloat32, {rows, columns}}; }

DifferentiateOptions sgd(std::int32_t microbatches = 1) {
  DifferentiateOptions options;
  options.optimizer = {.kind = OptimizerKind::kSgd, .weight_decay = 0.0};
  options.microbatches = microbatches;
  return options;
}

double value_of(const TrainingGraph& training, std::string_view constant) {
  return training.graph.node(training.graph.find_node(constant).value()).attributes.get_float("value_float", -1);
}

// x → fc1 → relu → fc2 → sum
Graph two_layers(LossReduction reduction = LossReduction::kMean) {
  GraphBuilder builder("two-layers");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId w1 = builder.add_parameter("w1", matrix(3, 4), {});
  const TensorId b1 = builder.add_parameter("b1", {DataType::kFloat32, {4}}, {}, true, false);
  const TensorId w2 = builder.add_parameter("w2", matrix(4, 5), {});
  const TensorId hidden = builder.add("Relu", "relu", {builder.add("Gemm", "fc1", {x, w1, b1})});
  const TensorId y = builder.add("Gemm", "fc2", {hidden, w2});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), reduction);
  return std::move(builder).build();
}

}  // namespace

TEST_CASE("forward, backward and update of a chain", "[training]") {
  const TrainingGraph training = differentiate(two_layers(), sgd());
  CHECK(training.forward_nodes == 4);
  CHECK(to_text(training) ==
        "F Gemm(x, w1, b1) -> fc1 @ fc1\n"
        "F Relu(fc1) -> relu @ relu\n"
        "F Gemm(relu, w2) -> fc2 @ fc2\n"
        "F ReduceSum(fc2) -> loss @ loss\n"
        "B Constant() -> loss.grad @ loss\n"
        "B Reshape(loss.grad) -> loss.grad.X.view @ loss\n"
        "B Expand(loss.grad.X.view) -> loss.grad.X @ loss\n"
        "B Gemm(loss.grad.X, w2) -> fc2.grad.A @ fc2\n"
        "B Gemm(relu, loss.grad.X) -> fc2.grad.B @ fc2\n"
        "B ReluGrad(fc2.grad.A, relu) -> relu.grad.X @ relu\n"
        "B Gemm(x, relu.grad.X) -> fc1.grad.B @ fc1\n"
        "B ReduceSum(relu.grad.X) -> fc1.grad.C.sum @ fc1\n"
        "U SgdUpdate(w1, fc1.grad.B) -> w1.updated @ fc1\n"
        "U SgdUpdate(b1, fc1.grad.C.sum) -> b1.updated @ fc1\n"
        "U SgdUpdate(w2, fc2.grad.B) -> w2.updated @ fc2\n");
  CHECK(training.trained.size() == 3);
  const TensorId w2_gradient = training.graph.find_tensor("fc2.grad.B").value();
  CHECK(training.is_accumulated(w2_gradient));
  CHECK_FALSE(training.is_accumulated(training.graph.find_tensor("fc2.grad.A").value()));
  CHECK_FALSE(training.is_accumulated(training.graph.find_tensor("w2").value()));
  CHECK(training.home[training.graph.find_tensor("w2").value()] == training.graph.find_node("fc2").value());
}

TEST_CASE("a mean loss is divided by the microbatches, a sum is not", "[training]") {
  CHECK(value_of(differentiate(two_layers(LossReduction::kMean), sgd(4)), "loss.grad") == 0.25);
  CHECK(value_of(differentiate(two_layers(LossReduction::kSum), sgd(4)), "loss.grad") == 1.0);
}

TEST_CASE("contributions are folded in reverse order of the consumers, each sum placed with the last", "[training]") {
  GraphBuilder builder("fan");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId w = builder.add_parameter("w", matrix(2, 3), {});
  const TensorId h = builder.add("Mul", "h", {x, w});
  const TensorId a = builder.add("Neg", "a", {h});
  const TensorId b = builder.add("Exp", "b", {h});
  const TensorId c = builder.add("Tanh", "c", {h});
  const TensorId sum = builder.add("Add", "sum2", {builder.add("Add", "sum1", {a, b}), c});
  builder.set_loss(builder.add("ReduceSum", "loss", {sum}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  const std::string text = to_text(training);
  INFO(text);
  CHECK(text.find("B TanhGrad(loss.grad.X, c) -> c.grad.X @ c\n"
                  "B Mul(loss.grad.X, b) -> b.grad.X @ b\n"
                  "B Neg(loss.grad.X) -> a.grad.X @ a\n"
                  "B Add(c.grad.X, b.grad.X) -> b.grad.sum @ b\n"
                  "B Add(b.grad.sum, a.grad.X) -> a.grad.sum @ a\n"
                  "B Mul(a.grad.sum, x) -> h.grad.B @ h\n") != std::string::npos);
}

TEST_CASE("a shared parameter is summed over the microbatches first, then folded once a step", "[training]") {
  GraphBuilder builder("tied");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId w = builder.add_parameter("w", matrix(3, 3), {});
  const TensorId first = builder.add("Gemm", "first", {x, w});
  const TensorId second = builder.add("Gemm", "second", {first, w});
  const TensorId third = builder.add("Gemm", "third", {second, w});
  builder.set_loss(builder.add("ReduceSum", "loss", {third}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  const std::string text = to_text(training);
  INFO(text);
  CHECK(text.find("U Add(third.grad.B, second.grad.B) -> second.grad.sum @ second\n"
                  "U Add(second.grad.sum, first.grad.B) -> first.grad.sum @ first\n"
                  "U SgdUpdate(w, first.grad.sum) -> w.updated @ first\n") != std::string::npos);
  for (const char* name : {"first.grad.B", "second.grad.B", "third.grad.B"}) {
    CHECK(training.is_accumulated(training.graph.find_tensor(name).value()));
  }
  CHECK_FALSE(training.is_accumulated(training.graph.find_tensor("first.grad.sum").value()));
  CHECK(training.home[w] == training.graph.find_node("first").value());
}

TEST_CASE("a gradient that something else reads, too, is copied before it is accumulated", "[training]") {
  GraphBuilder builder("bias");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId w = builder.add_parameter("w", matrix(3, 3), {});
  const TensorId b = builder.add_parameter("b", matrix(2, 3), {});
  const TensorId y = builder.add("Add", "add", {builder.add("Gemm", "fc", {x, w}), b});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  const std::string text = to_text(training);
  INFO(text);
  CHECK(text.find("B Expand(loss.grad.X) -> b.grad.copy @ add\n") != std::string::npos);
  CHECK(text.find("U SgdUpdate(b, b.grad.copy) -> b.updated @ add\n") != std::string::npos);
}

TEST_CASE("no work is done for what no trained parameter leads to", "[training]") {
  GraphBuilder builder("frozen");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const TensorId frozen = builder.add_parameter("frozen", matrix(3, 3), {}, false);
  const TensorId w = builder.add_parameter("w", matrix(3, 3), {});
  const TensorId unused = builder.add_parameter("unused", matrix(3, 3), {});
  const TensorId h = builder.add("Gemm", "h", {x, frozen});
  const TensorId y = builder.add("Gemm", "y", {h, w});
  builder.add("Relu", "nowhere", {y});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  const std::string text = to_text(training);
  INFO(text);
  CHECK(text.find("h.grad") == std::string::npos);
  CHECK(text.find("y.grad.A") == std::string::npos);
  CHECK(text.find("nowhere.grad") == std::string::npos);
  REQUIRE(training.trained.size() == 1);
  CHECK(training.trained[0].parameter == w);
  CHECK(training.trained[0].parameter != unused);
}

TEST_CASE("saved outputs are added to the forward node", "[training]") {
  GraphBuilder builder("norm");
  const TensorId x = builder.add_parameter("x", matrix(2, 3), {});
  const TensorId scale = builder.add_parameter("scale", {DataType::kFloat32, {3}}, {});
  const TensorId y = builder.add("LayerNormalization", "norm", {x, scale});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), LossReduction::kSum);
  const std::string text = to_text(differentiate(std::move(builder).build(), sgd()));
  INFO(text);
  CHECK(text.find("F LayerNormalization(x, scale) -> norm, norm.Mean, norm.InvStdDev @ norm\n") == 0);
  CHECK(text.find("B LayerNormalizationInputGrad(loss.grad.X, x, scale, norm.Mean, norm.InvStdDev)") !=
        std::string::npos);
}

TEST_CASE("optimizers have the state and the attributes they need", "[training]") {
  DifferentiateOptions options;
  options.optimizer = {.kind = OptimizerKind::kAdamW, .beta1 = 0.8, .weight_decay = 0.1};
  TrainingGraph training = differentiate(two_layers(), options);
  const Node& w1 = training.graph.node(training.graph.find_node("w1.update").value());
  const Node& b1 = training.graph.node(training.graph.find_node("b1.update").value());
  CHECK(test::names_of(training.graph, w1.inputs) == "w1, fc1.grad.B, w1.adam.m, w1.adam.v");
  CHECK(w1.attributes.get_float("beta1", 0) == 0.8);
  CHECK(w1.attributes.get_float("weight_decay", 0) == 0.1);
  CHECK(w1.attributes.get_int("decoupled", 0) == 1);
  CHECK(b1.attributes.get_float("weight_decay", -1) == 0.0);
  const TensorId m = training.graph.find_tensor("w1.adam.m").value();
  CHECK(training.graph.tensor(m).kind == TensorKind::kParameter);
  CHECK_FALSE(training.graph.parameters()[static_cast<std::size_t>(training.graph.tensor(m).source)].trainable);
  CHECK(training.home[m] == training.graph.find_node("fc1").value());

  options.optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.0};
  training = differentiate(two_layers(), options);
  REQUIRE(training.trained.size() == 3);
  CHECK(training.trained[0].state.size() == 1);
  CHECK(differentiate(two_layers(), sgd()).trained[0].state.empty());
}

TEST_CASE("a parameter behind an operator without a gradient is an error that names the node", "[training]") {
  GraphBuilder builder("stuck");
  const TensorId w = builder.add_parameter("w", matrix(2, 3), {});
  const TensorId y = builder.add("ReluGrad", "odd", {w, w});
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), LossReduction::kSum);
  const Graph graph = std::move(builder).build();
  try {
    static_cast<void>(differentiate(graph, sgd()));
    FAIL("a graph that cannot be trained was accepted");
  } catch (const InputError& error) {
    REQUIRE(error.issues().size() == 1);
    CHECK(error.issues()[0].place == "odd");
    CHECK(error.issues()[0].message.find("ReluGrad has no gradient") != std::string::npos);
  }
}

TEST_CASE("casts to integers stop gradients", "[training]") {
  GraphBuilder builder("cast");
  const TensorId w = builder.add_parameter("w", matrix(2, 3), {});
  const TensorId whole = builder.add("Cast", "whole", {w}, {{"to", std::string("int64")}});
  const TensorId back = builder.add("Cast", "back", {whole}, {{"to", std::string("float32")}});
  builder.set_loss(builder.add("ReduceSum", "loss", {back}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  CHECK(training.trained.empty());
  CHECK(training.graph.nodes().size() == 3);
}

namespace {

Node measured(std::string name, std::vector<TensorId> inputs, double backward_s) {
  Node node;
  node.name = std::move(name);
  node.op_name = "Block";
  node.inputs = std::move(inputs);
  node.cost = MeasuredCost{.forward_s = 1.0, .backward_s = backward_s, .parameter_bytes = 0, .output_bytes = {64}};
  return node;
}

}  // namespace

TEST_CASE("measured nodes send the bytes of their inputs back", "[training]") {
  GraphBuilder builder("profile");
  const TensorId x = builder.add_input("x", matrix(2, 3));
  const auto add = [&](const char* name, std::vector<TensorId> inputs, double backward_s) {
    const NodeId id = builder.add_node(measured(name, std::move(inputs), backward_s), {name});
    return builder.peek().node(id).outputs[0];
  };
  const TensorId a = add("a", {x}, 2.0);
  const TensorId b = add("b", {a}, 2.0);
  const TensorId c = add("c", {a, b, b}, 2.0);
  add("d", {c}, 0.0);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  CHECK(to_text(training) ==
        "F Block(x) -> a @ a\n"
        "F Block(a) -> b @ b\n"
        "F Block(a, b, b) -> c @ c\n"
        "F Block(c) -> d @ d\n"
        "B BlockGrad(a, b) -> c.grad.0, c.grad.1 @ c\n"
        "B BlockGrad(a, c.grad.1) -> b.grad.0 @ b\n"
        "B Add(c.grad.0, b.grad.0) -> b.grad.sum @ b\n"
        "B BlockGrad(x, b.grad.sum) ->  @ a\n");
  CHECK(bytes(training.graph.tensor(training.graph.find_tensor("b.grad.sum").value()).type) == 64);
  CHECK(training.graph.node(training.graph.find_node("c.grad").value()).cost->forward_s == 2.0);
  CHECK(training.graph.node(training.graph.find_node("b.grad.sum").value()).cost->forward_s == 0.0);
  CHECK(training.trained.empty());
}

TEST_CASE("a measured backward time is shared by the backward nodes of a known operator", "[training]") {
  GraphBuilder builder("timed");
  const TensorId x = builder.add_parameter("x", matrix(2, 3), {});
  Node gemm;
  gemm.name = "fc";
  gemm.op_name = "Gemm";
  gemm.inputs = {x, builder.add_parameter("w", matrix(3, 4), {})};
  gemm.cost = MeasuredCost{.forward_s = 1.0, .backward_s = 3.0, .parameter_bytes = 0, .output_bytes = {}};
  const NodeId id = builder.add_node(std::move(gemm), {"y"});
  const TensorId y = builder.peek().node(id).outputs[0];
  builder.set_loss(builder.add("ReduceSum", "loss", {y}, {{"keepdims", kZero}}), LossReduction::kSum);
  const TrainingGraph training = differentiate(std::move(builder).build(), sgd());
  CHECK(training.graph.node(training.graph.find_node("fc.grad.A").value()).cost->forward_s == 1.5);
  CHECK(training.graph.node(training.graph.find_node("fc.grad.B").value()).cost->forward_s == 1.5);
  CHECK_FALSE(training.graph.node(training.graph.find_node("loss.grad.X").value()).cost.has_value());
}

TEST_CASE("a path to the loss through what is saved for the gradient is refused by name") {
  GraphBuilder builder("saved");
  const TensorId x = builder.add_parameter("x", matrix(4, 8), {});
  const TensorId scale = builder.add_parameter("scale", {DataType::kFloat32, {8}}, {});
  Node node;
  node.name = "norm";
  node.op_name = "LayerNormalization";
  node.inputs = {x, scale};
  const NodeId id = builder.add_node(std::move(node), {"y", "mean"});
  const TensorId mean = builder.peek().node(id).outputs[1];
  builder.set_loss(builder.add("ReduceSum", "loss", {mean}, {{"keepdims", kZero}}), LossReduction::kSum);
  const Graph graph = std::move(builder).build();
  try {
    static_cast<void>(differentiate(graph, sgd()));
    FAIL("a gradient that nothing computes was accepted");
  } catch (const InputError& error) {
    REQUIRE(error.issues().size() == 1);
    CHECK(error.issues()[0].place == "norm");
    CHECK(error.issues()[0].message ==
          "a path leads from its output 'mean' to the loss, but LayerNormalization has gradients of its first output "
          "alone: compute the value by other operators");
  }
}
