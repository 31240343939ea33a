// Where rows have room behind them, and that it is counted.
#include "lib/program/stored_rows.hpp"

#include <string>

#include "lib/graph/builder.hpp"
#include "lib/program/program.hpp"
#include "lib/training/mixed_precision.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

struct Scores {
  std::int64_t rows = 128;
  std::int64_t classes = 257;
  bool has_bias = false;
  bool are_read_elsewhere = false;
};

// rows × 16 → scores for the classes → cross-entropy, in bfloat16.
Graph forward(const Scores& scores) {
  GraphBuilder builder("scores");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {scores.rows, 16}});
  const TensorId labels = builder.add_input("labels", {DataType::kInt64, {scores.rows}});
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {scores.classes, 16}}, Initializer{});
  std::vector<TensorId> operands{x, w};
  if (scores.has_bias) {
    operands.push_back(builder.add_parameter("b", {DataType::kFloat32, {scores.classes}}, Initializer{}));
  }
  const TensorId y = builder.add("Gemm", "y", operands, {{"transB", std::int64_t{1}}});
  if (scores.are_read_elsewhere) builder.add("Relu", "other", {y});
  builder.set_loss(builder.add("SoftmaxCrossEntropyLoss", "loss", {y, labels}), LossReduction::kMean);
  return mixed_precision(std::move(builder).build());
}

TensorId tensor(const Graph& graph, const std::string& name) {
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    if (graph.tensor(t).name == name) return t;
  }
  FAIL(name);
  return kNone<TensorId>;
}

TensorId gradient_of_scores(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.op_name == "SoftmaxCrossEntropyLossGrad") return node.outputs[0];
  }
  FAIL();
  return kNone<TensorId>;
}

std::int64_t row_of(const Graph& graph, const std::string& name) { return stored_row(graph, tensor(graph, name)); }

}  // namespace

TEST_CASE("rows of scores in training begin at multiples of 16 bytes", "[stored-rows]") {
  const Graph graph = differentiate(forward({}), {}).graph;
  CHECK(row_of(graph, "y") == 264);
  CHECK(stored_row(graph, gradient_of_scores(graph)) == 264);
  CHECK(stored_bytes(graph, tensor(graph, "y")) == 128 * 264 * 2);
  CHECK(row_of(graph, "x") == 16);
  CHECK(row_of(graph, "loss") == 1);
  CHECK(stored_bytes(graph, tensor(graph, "loss")) == 4);
}

TEST_CASE("rows lie side by side wherever another reads them, or there is no need", "[stored-rows]") {
  CHECK(row_of(forward({}), "y") == 257);  // not trained: the scores are handed to whoever asked for them
  CHECK(row_of(differentiate(forward({.classes = 256}), {}).graph, "y") == 256);
  CHECK(row_of(differentiate(forward({.rows = 8}), {}).graph, "y") == 257);
  CHECK(row_of(differentiate(forward({.has_bias = true}), {}).graph, "y") == 257);
  CHECK(row_of(differentiate(forward({.are_read_elsewhere = true}), {}).graph, "y") == 257);
}

TEST_CASE("buffers and messages have the room that rows want", "[stored-rows]") {
  const Graph graph = forward({});
  Placement placement(graph.nodes().size(), DeviceId{0});
  placement[graph.tensor(graph.loss()).producer] = DeviceId{1};
  const Program program = compile(differentiate(graph, {}), placement, {.devices = 2});
  CHECK(check_program(program).empty());
  const TensorId y = tensor(program.training.graph, "y");
  int messages = 0;
  for (const Message& message : program.messages) {
    if (message.tensor != y) continue;
    CHECK(message.size_bytes == 128 * 264 * 2);
    ++messages;
  }
  CHECK(messages == 1);
  for (const DeviceProgram& device : program.devices) {
    for (const Buffer& buffer : device.buffers) {
      if (buffer.tensor == y) CHECK(buffer.size_bytes == 128 * 264 * 2);
    }
  }
}
