// Every operator that takes bfloat16: forward against the float32 kernel on the same numbers, gradients, too; and the
// same bits for every number of threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "lib/base/bfloat16.hpp"
#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/training/training_graph.hpp"
#include "runtime/cpu/bfloat16/convert.hpp"
#include "tests/runtime/cpu/support/samples.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

bool is_float32(const GraphBuilder& builder, TensorId t) {
  return t != kNone<TensorId> && builder.type(t).type == DataType::kFloat32;
}

TensorId cast(GraphBuilder& builder, TensorId t, DataType to) {
  return builder.add("Cast", builder.peek().tensor(t).name + "." + std::string(name_of(to)), {t},
                     {{"to", std::string(name_of(to))}});
}

// How many of the node's inputs, from the first on, may be bfloat16 while the others are float32.
std::size_t low_inputs(const Graph& graph, const Node& node) {
  for (std::size_t count = node.inputs.size(); count > 0; --count) {
    GraphBuilder builder(graph);
    Node tried = node;
    tried.name = "tried";
    for (std::size_t i = 0; i < count; ++i) {
      if (is_float32(builder, tried.inputs[i])) {
        tried.inputs[i] =
            builder.add_input("low" + std::to_string(i), {DataType::kBfloat16, builder.type(tried.inputs[i]).shape});
      }
    }
    const bool is_lower = std::any_of(tried.inputs.begin(), tried.inputs.end(), [&](TensorId t) {
      return t != kNone<TensorId> && builder.type(t).type == DataType::kBfloat16;
    });
    try {
      builder.add_node(std::move(tried), std::vector<std::string>(node.outputs.size(), ""));
      if (is_lower) return count;
    } catch (const InputError&) {
    }
  }
  return 0;
}

// The sample's graph with the first inputs of "node" rounded, and its outputs widened for those who read them.
Graph lowered(const Graph& graph, std::size_t low) {
  GraphBuilder builder("low");
  IdVector<TensorId, TensorId> moved(graph.tensors().size(), kNone<TensorId>);
  for (const GraphInput& input : graph.inputs()) {
    moved[input.tensor] = builder.add_input(graph.tensor(input.tensor).name, graph.tensor(input.tensor).type);
  }
  for (const GraphParameter& p : graph.parameters()) {
    const Tensor& tensor = graph.tensor(p.tensor);
    moved[p.tensor] = builder.add_parameter(tensor.name, tensor.type, p.initializer, p.trainable);
  }
  for (const Node& original : graph.nodes()) {
    Node node = original;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      TensorId& t = node.inputs[i];
      if (t == kNone<TensorId>) continue;
      t = moved[t];
      if (original.name == "node" && i < low && is_float32(builder, t)) t = cast(builder, t, DataType::kBfloat16);
    }
    std::vector<std::string> names;
    for (const TensorId t : original.outputs) names.push_back(t == kNone<TensorId> ? "" : graph.tensor(t).name);
    const NodeId id = builder.add_node(std::move(node), names);
    for (std::size_t i = 0; i < original.outputs.size(); ++i) {
      if (original.outputs[i] == kNone<TensorId>) continue;
      TensorId t = builder.peek().node(id).outputs[i];
      if (builder.type(t).type == DataType::kBfloat16) t = cast(builder, t, DataType::kFloat32);
      moved[original.outputs[i]] = t;
    }
  }
  if (graph.loss() != kNone<TensorId>) builder.set_loss(moved[graph.loss()], graph.loss_reduction());
  return std::move(builder).build();
}

IdVector<TensorId, Array> rounded_values(const Graph& graph, const Sample& sample) {
  IdVector<TensorId, Array> values = sample_values(graph, sample, 5);
  for (Array& array : values) {
    for (double& value : array.values) {
      value = static_cast<double>(from_bfloat16(to_bfloat16(static_cast<float>(value))));
    }
  }
  return values;
}

// Runs forward and backward, no update.
GraphRunner ran(const TrainingGraph& training, const IdVector<TensorId, Array>& values, int threads) {
  GraphRunner runner(training.graph, threads);
  set_values(runner, training.graph, values);
  std::vector<bool> nodes;
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    nodes.push_back(training.phase[n] != Phase::kUpdate);
  }
  runner.run({.seed = 3, .step = 0, .learning_rate = 0.0}, nodes);
  return runner;
}

void check_gradients(const TrainingGraph& low, const GraphRunner& found, const TrainingGraph& full,
                     const GraphRunner& expected) {
  REQUIRE(low.trained.size() == full.trained.size());
  for (std::size_t i = 0; i < low.trained.size(); ++i) {
    CHECK(low.graph.tensor(low.trained[i].gradient).type.type == DataType::kFloat32);
    const std::vector<float> a = found.floats(low.trained[i].gradient);
    const std::vector<float> b = expected.floats(full.trained[i].gradient);
    REQUIRE(a.size() == b.size());
    float largest = 1e-3F;
    for (const float value : b) largest = std::max(largest, std::fabs(value));
    float apart = 0.0F;
    for (std::size_t j = 0; j < a.size(); ++j)
      apart = std::max(apart, std::isnan(a[j]) ? HUGE_VALF : std::fabs(a[j] - b[j]));
    CHECK(apart <= 0.04F * largest);
  }
}

// Values are rounded once, when they are written; products are summed in another order than float32's.
void check_outputs(const Graph& low, const GraphRunner& found, const Graph& full, const GraphRunner& expected) {
  static const std::set<std::string> products = {"Gemm", "MatMul", "FusedMatMul", "MatMulWeightGrad"};
  const Node& node = low.node(low.find_node("node").value());
  for (const TensorId t : node.outputs) {
    if (t == kNone<TensorId> || low.tensor(t).type.type != DataType::kBfloat16) continue;
    const std::vector<float> exact = expected.floats(full.find_tensor(low.tensor(t).name).value());
    const std::vector<float> values = found.floats(low.find_tensor(low.tensor(t).name + ".float32").value());
    const bool is_product = products.contains(node.op_name);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const bool is_right = is_product ? std::fabs(values[i] - exact[i]) <= 0.005F * std::max(1.0F, std::fabs(exact[i]))
                                       : to_bfloat16(values[i]) == to_bfloat16(exact[i]);
      wrong += is_right ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

// False where the operator takes no bfloat16.
bool check(const Sample& sample) {
  INFO(name_of(sample));
  const Graph graph = sample_graph(sample);
  const std::size_t low_count = low_inputs(graph, graph.node(graph.find_node("node").value()));
  if (low_count == 0 || graph.loss() == kNone<TensorId>) return false;
  const TrainingGraph low = differentiate(lowered(graph, low_count), {});
  const TrainingGraph full = differentiate(graph, {});
  const GraphRunner found = ran(low, rounded_values(low.graph, sample), 1);
  const GraphRunner expected = ran(full, rounded_values(full.graph, sample), 1);
  check_outputs(low.graph, found, full.graph, expected);
  check_gradients(low, found, full, expected);
  const GraphRunner threads = ran(low, rounded_values(low.graph, sample), 3);
  for (const TensorId t : ids<TensorId>(low.graph.tensors().size())) {
    REQUIRE(found.bytes_of(t) == threads.bytes_of(t));
  }
  return true;
}

}  // namespace

TEST_CASE("operators of bfloat16 round what those of float32 compute", "[bfloat16]") {
  std::set<std::string> checked;
  for (const Sample& sample : small_samples()) {
    if (check(sample)) checked.insert(sample.op);
  }
  for (const char* op : {"Gemm",
                         "MatMul",
                         "Conv",
                         "ConvTranspose",
                         "Attention",
                         "LayerNormalization",
                         "Gather",
                         "Add",
                         "RMSNormalization",
                         "BatchNormalization",
                         "GroupNormalization",
                         "Gelu",
                         "MaxPool",
                         "Resize",
                         "RotaryEmbedding",
                         "SoftmaxCrossEntropyLoss",
                         "Concat",
                         "Split",
                         "Pad",
                         "Dropout"}) {
    INFO(op);
    CHECK(checked.contains(op));
  }
  CHECK_FALSE(checked.contains("LSTM"));
}

TEST_CASE("large operators of bfloat16 are cut into parts by their shape", "[bfloat16]") {
  for (const Sample& sample : large_samples()) check(sample);
}

TEST_CASE("rows are rounded to nearest as single values are", "[bfloat16]") {
  std::vector<float> values;
  for (std::uint32_t i = 0; i < 4099; ++i) values.push_back(std::bit_cast<float>(i * 1'048'573U));
  std::vector<std::uint16_t> halves(values.size());
  std::vector<float> back(values.size());
  cpu::narrow(values.data(), halves.data(), static_cast<std::int64_t>(values.size()));
  cpu::widen(halves.data(), back.data(), static_cast<std::int64_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    REQUIRE(halves[i] == to_bfloat16(values[i]));
    const float expected = from_bfloat16(halves[i]);
    REQUIRE(std::memcmp(&back[i], &expected, sizeof(float)) == 0);
  }
}

}  // namespace mp::runtime::testing
