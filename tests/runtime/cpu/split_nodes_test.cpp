// Split convolutions compute what whole ones do: by the definitions in float64, and in training over several devices.
#include <cmath>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/prepare.hpp"
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

std::vector<double> losses_of(const Model& model) {
  const TrainingGraph training = training_graph_of(
      model, {.bindings = {{"batch", 8}}, .microbatches = 2, .optimizer = {.kind = OptimizerKind::kSgd}}, "model");
  return runtime::test::train_steps(training, {.devices = 3, .layout = runtime::test::Layout::kRandom}).losses;
}

}  // namespace

TEST_CASE("random convolutions in parts give what they give whole", "[split]") {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Model whole = random_convolution(seed);
    if (!is_valid(whole)) continue;
    INFO(seed);
    const Array expected = result_of(whole);
    for (const SplitWay way : {SplitWay::kChannels, SplitWay::kRows}) {
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
  CHECK(compared > 300);
}

TEST_CASE("models with split convolutions train alike", "[split]") {
  const std::string folder = mp::test::source_dir() + "/models/";
  const Model whole = read_model(folder + "autoencoder.json").model;
  const std::vector<NodeSplit> splits = {{.node = "down1", .way = SplitWay::kRows, .parts = 2},
                                         {.node = "down2", .way = SplitWay::kChannels, .parts = 3},
                                         {.node = "up2", .way = SplitWay::kRows, .parts = 2},
                                         {.node = "up1", .way = SplitWay::kRows, .parts = 3}};
  const std::vector<double> expected = losses_of(whole);
  const std::vector<double> losses = losses_of(split_nodes(whole, splits, "model"));
  REQUIRE(losses.size() == expected.size());
  for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(1e-6));
  CHECK(expected.back() != expected.front());
}

}  // namespace mp::runtime::testing
