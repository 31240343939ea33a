// Split nodes compute what whole ones do: by the definitions in float64, and in training over several devices.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/choose_splits.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/stored_parameters.hpp"
#include "tests/runtime/cpu/support/reference.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::testing {
namespace {

using Ints = std::vector<std::int64_t>;

// Small random numbers, one after the other.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : stream_(seed, "split") {}
  std::int64_t operator()(std::int64_t low, std::int64_t high) {  // low … high
    return low + static_cast<std::int64_t>(stream_.below(next_++, static_cast<std::uint64_t>(high - low + 1)));
  }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
};

std::vector<Dimension> dimensions(const Ints& shape) {
  std::vector<Dimension> result;
  for (const std::int64_t extent : shape) result.push_back({extent, ""});
  return result;
}

Model random_convolution(std::uint64_t seed) {
  Dice dice(seed);
  const bool transposed = dice(0, 1) == 1;
  const std::int64_t group = dice(1, 2);
  const std::int64_t in = group * dice(1, 2);
  const std::int64_t out = group * dice(2, 3);
  const Ints kernel = {dice(1, 4), dice(1, 3)};
  const Ints strides = {dice(1, 3), dice(1, 2)};
  Attributes attributes = {{"strides", strides}, {"dilations", Ints{dice(1, 2), 1}}, {"group", group}};
  if (dice(0, 3) == 0) {
    attributes.set("auto_pad", std::string(dice(0, 1) == 0 ? "SAME_UPPER" : "SAME_LOWER"));
  } else {
    attributes.set("pads", Ints{dice(0, 2), dice(0, 1), dice(0, 2), dice(0, 1)});
  }
  if (transposed) attributes.set("output_padding", Ints{dice(0, strides[0] - 1), 0});
  Model model;
  model.name = "random";
  model.inputs = {{.name = "x", .shape = dimensions({2, in, dice(5, 12), 4}), .data = "normal"}};
  const Ints weights =
      transposed ? Ints{in, out / group, kernel[0], kernel[1]} : Ints{out, in / group, kernel[0], kernel[1]};
  model.parameters = {{.name = "w", .shape = dimensions(weights), .initializer = {}},
                      {.name = "b", .shape = dimensions({out}), .initializer = {}}};
  ModelNode& node = model.nodes.emplace_back();
  node.name = "conv";
  node.op = transposed ? "ConvTranspose" : "Conv";
  node.inputs = {"x", "w", "b"};
  node.outputs = {"y"};
  node.attributes = attributes;
  return model;
}

// A Gemm of any kind, or a MatMul with or without a batch.
Model random_product(std::uint64_t seed) {
  Dice dice(seed);
  const std::int64_t m = dice(1, 4);
  const std::int64_t n = dice(2, 6);
  const std::int64_t k = dice(2, 6);
  Model model;
  model.name = "random";
  ModelNode& node = model.nodes.emplace_back();
  node.name = "product";
  node.outputs = {"y"};
  node.inputs = {"x", "w"};
  Ints x = {m, k};
  Ints w = {k, n};
  if (dice(0, 1) == 0) {
    node.op = "MatMul";
    if (dice(0, 1) == 0) x.insert(x.begin(), 2);
    if (dice(0, 2) == 0) w.insert(w.begin(), 2);
  } else {
    node.op = "Gemm";
    const std::int64_t turned_a = dice(0, 1);
    const std::int64_t turned_b = dice(0, 1);
    node.attributes = {{"transA", turned_a}, {"transB", turned_b}, {"alpha", 0.5}, {"beta", 2.0}};
    if (turned_a != 0) x = {k, m};
    if (turned_b != 0) w = {n, k};
    const Ints biases[] = {{n}, {m, n}, {m, 1}, {1}, {}};
    const Ints& bias = biases[dice(0, 4)];
    if (dice(0, 3) != 0) {
      node.inputs.emplace_back("b");
      model.parameters.push_back({.name = "b", .shape = dimensions(bias), .initializer = {}});
    }
  }
  model.inputs = {{.name = "x", .shape = dimensions(x), .data = "normal"}};
  model.parameters.push_back({.name = "w", .shape = dimensions(w), .initializer = {}});
  return model;
}

Array result_of(const Model& model) {
  const Graph graph = bind_model(model, {}, "random");
  IdVector<TensorId, Array> values(graph.tensors().size());
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    if (graph.tensor(id).kind == TensorKind::kActivation) continue;
    const RandomStream stream(1, graph.tensor(id).name);
    values[id] = Array(graph.tensor(id).type.shape);
    for (std::int64_t i = 0; i < values[id].size(); ++i)
      values[id].at(i) = stream.normal(static_cast<std::uint64_t>(i));
  }
  evaluate(graph, values);
  return values[graph.find_tensor("y").value()];
}

bool is_valid(const Model& model) {
  try {
    static_cast<void>(bind_model(model, {}, "random"));
  } catch (const InputError&) {
    return false;  // the dice gave a kernel larger than the image, or pads larger than the result
  }
  return true;
}

double largest_difference(const Array& a, const Array& b) {
  REQUIRE(a.shape == b.shape);
  double most = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a.at(i) - b.at(i)));
  return most;
}

TrainingGraph trained(const Model& model, OptimizerKind kind) {
  return training_graph_of(model, {.bindings = {{"batch", 8}}, .microbatches = 2, .optimizer = {.kind = kind}},
                           "model");
}

// Losses and parameters after some steps, under the names and shapes that files have.
struct Trained {
  std::vector<double> losses;
  std::map<std::string, std::vector<float>> parameters;
};

Trained trained_steps(const Model& model, std::int32_t devices, OptimizerKind kind = OptimizerKind::kSgd) {
  constexpr std::uint64_t kSeed = 7;
  const TrainingGraph training = trained(model, kind);
  Executor executor(runtime::test::program_of(training, {.devices = devices, .layout = runtime::test::Layout::kRandom}),
                    runtime::test::cpu_backends(1));
  executor.initialise_parameters(kSeed);
  const TrainingData data = runtime::test::data_of(training, kSeed);
  Trained result;
  for (std::int64_t step = 0; step < 3; ++step) {
    result.losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.05}, *data.training));
  }
  for (const StoredParameter& stored : stored_parameters(training, Stored::kModelAndOptimizer)) {
    std::vector<float>& values = result.parameters[stored.name];
    values.resize(static_cast<std::size_t>(elements(stored.type.shape)));
    read_parameter(executor, stored, std::as_writable_bytes(std::span(values)));
  }
  return result;
}

void check_alike(const Trained& parts, const Trained& whole, double tolerance) {
  REQUIRE(parts.losses.size() == whole.losses.size());
  for (std::size_t i = 0; i < whole.losses.size(); ++i) {
    CHECK(parts.losses[i] == Approx(whole.losses[i]).epsilon(tolerance));
  }
  CHECK(whole.losses.back() != whole.losses.front());
  REQUIRE(parts.parameters.size() == whole.parameters.size());
  for (const auto& [name, expected] : whole.parameters) {
    INFO(name);
    const std::vector<float>& values = parts.parameters.at(name);
    REQUIRE(values.size() == expected.size());
    double most = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      most = std::max(most, static_cast<double>(std::fabs(values[i] - expected[i])));
    }
    CHECK(most < 1e-5);
  }
}

Model shipped(const std::string& name) {
  return read_model(mp::test::source_dir() + "/models/" + name + ".json").model;
}

}  // namespace

TEST_CASE("random convolutions in parts give what they give whole", "[split]") {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Model whole = random_convolution(seed);
    if (!is_valid(whole)) continue;
    INFO(seed);
    const Array expected = result_of(whole);
    for (const SplitWay way : {SplitWay::kChannels, SplitWay::kRows, SplitWay::kInputs}) {
      const std::vector<NodeSplit> splits = {{.node = "conv", .way = way, .parts = 2}};
      Model parts;
      try {
        parts = split_nodes(whole, splits, "random");
      } catch (const UsageError&) {
        continue;  // groups, or too few rows
      }
      CHECK(largest_difference(result_of(parts), expected) < 1e-12);
      ++compared;
    }
  }
  CHECK(compared > 400);
}

TEST_CASE("random products in parts give what they give whole", "[split]") {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Model whole = random_product(seed);
    INFO(seed);
    const Array expected = result_of(whole);
    for (const SplitWay way : {SplitWay::kColumns, SplitWay::kInputs}) {
      const std::vector<NodeSplit> splits = {{.node = "product", .way = way, .parts = 2}};
      CHECK(largest_difference(result_of(split_nodes(whole, splits, "random")), expected) < 1e-12);
      ++compared;
    }
  }
  CHECK(compared == 400);
}

TEST_CASE("models with split convolutions train alike, with the same parameters", "[split]") {
  const Model whole = shipped("autoencoder");
  const std::vector<NodeSplit> splits = {{.node = "down1", .way = SplitWay::kRows, .parts = 2},
                                         {.node = "down2", .way = SplitWay::kChannels, .parts = 3},
                                         {.node = "up2", .way = SplitWay::kInputs, .parts = 2},
                                         {.node = "up1", .way = SplitWay::kRows, .parts = 3}};
  const Trained expected = trained_steps(whole, 1);
  check_alike(trained_steps(split_nodes(whole, splits, "model"), 3), expected, 1e-6);
  const Model sharded = model_in_parts(whole, splits, "model");
  CHECK(sharded.parameters.size() == whole.parameters.size() + 2 * 2 + 1);
  check_alike(trained_steps(sharded, 3), expected, 1e-6);
}

TEST_CASE("tensor-parallel transformers train alike, with the same parameters", "[split]") {
  const std::string name = GENERATE("gpt-1m", "llama");  // biases and Gelu; grouped heads, rotary, gated
  const Model whole = shipped(name);
  const Graph graph = bind_model(whole, {{"batch", 8}}, "model");
  const std::vector<NodeSplit> splits = tensor_parallel_splits(graph, 2);
  CHECK(splits.size() == 4 * (name == "gpt-1m" ? 6 : 7));  // q, k, v, project, expand (gate), project of four blocks
  const Model parts = model_in_parts(whole, splits, "model");
  const Graph bound = bind_model(parts, {{"batch", 8}}, "model");
  for (const Node& node : bound.nodes()) CHECK(node.op_name != "Split");
  CHECK(bound.find_node("block0.attention.part2").has_value());
  check_alike(trained_steps(parts, 2), trained_steps(whole, 1), 1e-5);
}

TEST_CASE("shards begin with the whole's values, in bfloat16, too", "[split]") {
  const Model whole = shipped("mlp");
  const std::vector<NodeSplit> splits = {{.node = "fc1", .way = SplitWay::kColumns, .parts = 2},
                                         {.node = "fc2", .way = SplitWay::kInputs, .parts = 2},
                                         {.node = "classifier", .way = SplitWay::kInputs, .parts = 3}};
  const Precision precision = GENERATE(Precision::kFloat32, Precision::kBfloat16);
  std::map<std::string, std::vector<float>> values[2];
  for (const Model& model : {whole, model_in_parts(whole, splits, "model")}) {
    auto& of_model = values[model.parameters.size() > whole.parameters.size() ? 1 : 0];
    const TrainingGraph training = training_graph_of(
        model, {.bindings = {{"batch", 8}}, .microbatches = 1, .optimizer = {}, .precision = precision}, "model");
    Executor executor(runtime::test::program_of(training, {.devices = 2}), runtime::test::cpu_backends(1));
    executor.initialise_parameters(3);
    for (const StoredParameter& stored : stored_parameters(training, Stored::kModelAndOptimizer)) {
      std::vector<float>& floats = of_model[stored.name];
      floats.resize(static_cast<std::size_t>(elements(stored.type.shape)));
      read_parameter(executor, stored, std::as_writable_bytes(std::span(floats)));
    }
  }
  CHECK(values[0] == values[1]);
  CHECK(values[1].contains("fc2.weight"));
  CHECK(values[1].contains("fc2.weight.adam.m"));
}

}  // namespace mp::runtime::testing
