// Masks of −Inf, NaN that must not vanish, ignored labels, wrong indices, dropout's statistics, updates by hand.
#include <cmath>
#include <limits>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "tests/runtime/cpu/support/samples.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// One operator on float32 inputs, run once.
struct OneNode {
  Graph graph;
  GraphRunner runner;

  OneNode(std::string_view op, const std::vector<Shape>& shapes, Attributes attributes = {})
      : graph(build(op, shapes, std::move(attributes))), runner(graph, 2) {}

  static Graph build(std::string_view op, const std::vector<Shape>& shapes, Attributes attributes) {
    GraphBuilder builder("one");
    std::vector<TensorId> inputs;
    for (const Shape& shape : shapes) {
      inputs.push_back(builder.add_input("in" + std::string(1, static_cast<char>('0' + inputs.size())),
                                         {DataType::kFloat32, shape}));
    }
    builder.add(op, "y", inputs, std::move(attributes));
    return std::move(builder).build();
  }

  std::vector<float> run(const std::vector<std::vector<float>>& values, const StepContext& context = {}) {
    for (std::size_t i = 0; i < values.size(); ++i) runner.set(make_id<TensorId>(i), values[i]);
    runner.run(context);
    return runner.floats(graph.node(NodeId{0}).outputs[0]);
  }
};

}  // namespace

TEST_CASE("softmax gives masked scores no weight, and a row of nothing but masks zeros") {
  OneNode softmax("Softmax", {{2, 4}});
  const auto y = softmax.run({{1.0F, -kInfinity, 1.0F, -kInfinity, -kInfinity, -kInfinity, -kInfinity, -kInfinity}});
  CHECK(y == std::vector<float>{0.5F, 0.0F, 0.5F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F});
}

TEST_CASE("NaN does not vanish") {
  const std::vector<float> one_nan{1.0F, kNan, 2.0F, 3.0F};
  for (const char* op : {"Softmax", "LogSoftmax", "Relu", "Gelu", "Sigmoid", "Tanh", "Erf", "Exp", "Log", "Sqrt",
                         "Swish", "Elu", "LeakyRelu", "Neg", "Abs", "ReduceSum", "ReduceMean", "ReduceMax"}) {
    INFO(op);
    OneNode node(op, {{4}});
    bool found = false;
    for (const float y : node.run({one_nan})) found = found || std::isnan(y);
    CHECK(found);
  }
  OneNode all("Softmax", {{4}});
  for (const float y : all.run({{kNan, kNan, kNan, kNan}})) CHECK(std::isnan(y));
  OneNode pool("MaxPool", {{1, 1, 4}}, {{"kernel_shape", std::vector<std::int64_t>{2}}});
  CHECK(std::isnan(pool.run({one_nan})[0]));
}

TEST_CASE("attention lets NaN through and does not look at later keys") {
  const Attributes causal{
      {"q_num_heads", std::int64_t{1}}, {"kv_num_heads", std::int64_t{1}}, {"is_causal", std::int64_t{1}}};
  OneNode attention("Attention", {{1, 3, 1}, {1, 3, 1}, {1, 3, 1}}, causal);
  const auto later = attention.run({{1.0F, 1.0F, 1.0F}, {1.0F, 1.0F, kNan}, {2.0F, 4.0F, 8.0F}});
  CHECK(later[0] == 2.0F);
  CHECK(later[1] == Approx(3.0F));
  CHECK(std::isnan(later[2]));
  const auto first = attention.run({{kNan, 1.0F, 1.0F}, {1.0F, 1.0F, 1.0F}, {2.0F, 4.0F, 8.0F}});
  CHECK(std::isnan(first[0]));
}

TEST_CASE("elementwise functions hold at the ends of the float32 range") {
  OneNode exp("Exp", {{5}});
  CHECK(exp.run({{-kInfinity, -200.0F, 0.0F, 200.0F, kInfinity}}) ==
        std::vector<float>{0.0F, 0.0F, 1.0F, kInfinity, kInfinity});
  OneNode log("Log", {{4}});
  const auto logs = log.run({{0.0F, 1.0F, kInfinity, -1.0F}});
  CHECK(logs[0] == -kInfinity);
  CHECK(logs[1] == 0.0F);
  CHECK(logs[2] == kInfinity);
  CHECK(std::isnan(logs[3]));
  OneNode tanh("Tanh", {{3}});
  CHECK(tanh.run({{-kInfinity, 50.0F, 0.0F}}) == std::vector<float>{-1.0F, 1.0F, 0.0F});
  OneNode sigmoid("Sigmoid", {{3}});
  CHECK(sigmoid.run({{-kInfinity, kInfinity, 0.0F}}) == std::vector<float>{0.0F, 1.0F, 0.5F});
}

TEST_CASE("labels and indices out of range fail the run with node, value and range") {
  const auto message = [](const Sample& sample) -> std::string {
    const Graph graph = sample_graph(sample);
    GraphRunner runner(graph, 2);
    set_values(runner, graph, sample_values(graph, sample, 1));
    try {
      runner.run();
    } catch (const RunError& error) {
      return error.what();
    }
    return "";
  };
  const auto wrong = [](Shape shape, std::int64_t value) {
    return SampleInput{.shape = std::move(shape), .fill = SampleInput::Fill::kIndices, .low = value, .high = value + 1};
  };
  CHECK(message({"Gather", {{.shape = {4, 3}}, wrong({2}, 4)}}) ==
        "node 'node' (Gather): index 4 at position 0 is not in [-4, 4)");
  CHECK(message({"SoftmaxCrossEntropyLoss", {{.shape = {2, 5}}, wrong({2}, -1)}}) ==
        "node 'node' (SoftmaxCrossEntropyLoss): label -1 at position 0 is not in [0, 5)");
}

TEST_CASE("a loss whose labels are all ignored is 0") {
  Sample sample{"SoftmaxCrossEntropyLoss",
                {{.shape = {3, 4}}, {.shape = {3}, .fill = SampleInput::Fill::kIndices, .low = 2, .high = 3}},
                {{"ignore_index", std::int64_t{2}}}};
  const Graph graph = sample_graph(sample);
  GraphRunner runner(graph, 1);
  set_values(runner, graph, sample_values(graph, sample, 1));
  runner.run();
  CHECK(runner.floats(*graph.find_tensor("out0"))[0] == 0.0F);
}

TEST_CASE("dropout keeps the share it should, differs by step and microbatch, and repeats itself") {
  OneNode dropout("Dropout", {{20000}}, {{"ratio", 0.25}});
  const std::vector<float> ones(20000, 1.0F);
  const auto first = dropout.run({ones}, {.seed = 1, .step = 3, .microbatch = 0});
  double kept = 0.0;
  for (const float y : first) {
    REQUIRE((y == 0.0F || y == Approx(1.0F / 0.75F)));
    kept += y != 0.0F ? 1.0 : 0.0;
  }
  CHECK(kept / 20000.0 == Approx(0.75).margin(0.015));  // five standard deviations
  CHECK(dropout.run({ones}, {.seed = 1, .step = 3, .microbatch = 0}) == first);
  CHECK(dropout.run({ones}, {.seed = 1, .step = 4, .microbatch = 0}) != first);
  CHECK(dropout.run({ones}, {.seed = 1, .step = 3, .microbatch = 1}) != first);
  CHECK(dropout.run({ones}, {.seed = 2, .step = 3, .microbatch = 0}) != first);
}

}  // namespace mp::runtime::testing
