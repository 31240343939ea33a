// Images between convolutions lie in blocks of channels, with the numbers of plain ones; fast convolutions are exact
// enough.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "lib/training/training_graph.hpp"
#include "runtime/cpu/layout.hpp"
#include "tests/runtime/cpu/support/sample_inputs.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::testing {
namespace {

using cpu::Layout;
using cpu::Layouts;

TrainingGraph training_of(const std::string& model, std::int64_t batch) {
  const std::string path = test::source_dir() + "/models/" + model + ".json";
  const Graph forward = bind_model(read_model(path).model, {{"batch", batch}}, path);
  return differentiate(forward, {.optimizer = {.kind = OptimizerKind::kSgd}});
}

bool is_image(const Tensor& tensor) {
  const Shape& shape = tensor.type.shape;
  return tensor.kind == TensorKind::kActivation && shape.size() == 4 && shape[1] % 16 == 0 && shape[2] * shape[3] > 1;
}

// Weights near 0, scales and variances near 1, labels 0.
void fill(GraphRunner& runner, const Graph& graph) {
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.kind == TensorKind::kActivation) continue;
    const auto size = static_cast<std::size_t>(elements(tensor.type.shape));
    if (tensor.type.type == DataType::kInt64) {
      runner.set(id, std::vector<std::int64_t>(size, 0));
      continue;
    }
    const RandomStream stream(7, tensor.name);
    const bool is_scale = tensor.name.ends_with("norm.weight") || tensor.name.ends_with("running_var");
    std::vector<float> values(size);
    for (std::size_t i = 0; i < size; ++i)
      values[i] = static_cast<float>((is_scale ? 1.0 : 0.0) + 0.1 * stream.normal(i));
    runner.set(id, values);
  }
}

}  // namespace

TEST_CASE("every image between the convolutions of a ResNet and a U-Net is blocked", "[layout]") {
  for (const std::string model : {"resnet", "unet"}) {
    const TrainingGraph training = training_of(model, 2);
    const Layouts layouts(training.graph);
    int images = 0;
    for (const TensorId id : ids<TensorId>(training.graph.tensors().size())) {
      const Tensor& tensor = training.graph.tensor(id);
      INFO(tensor.name);
      const bool is_parameter_gradient =
          tensor.name.find(".weight") != std::string::npos || tensor.name.ends_with("grad.W");
      if (is_image(tensor) && !is_parameter_gradient) {
        ++images;
        CHECK(layouts.of(id) == Layout::kBlocked);
      } else {
        CHECK(layouts.of(id) == Layout::kPlain);
      }
    }
    CHECK(images > 30);
  }
}

TEST_CASE("an image that a node reads by position is plain", "[layout]") {
  GraphBuilder builder("resized");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {1, 16, 4, 4}});
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {16, 16, 1, 1}}, {});
  const TensorId first = builder.add("Conv", "first", {x, w});
  const TensorId relu = builder.add("Relu", "relu", {first});
  const TensorId second = builder.add("Conv", "second", {relu, w});
  const TensorId resized = builder.add("Resize", "resize", {second}, {{"scales", std::vector<double>{1, 1, 2, 2}}});
  const TensorId third = builder.add("Conv", "third", {resized, w});
  const Graph graph = std::move(builder).build();
  const Layouts layouts(graph);
  CHECK(layouts.of(first) == Layout::kBlocked);
  CHECK(layouts.of(relu) == Layout::kBlocked);
  CHECK(layouts.of(second) == Layout::kPlain);
  CHECK(layouts.of(resized) == Layout::kPlain);
  CHECK(layouts.of(third) == Layout::kPlain);  // nobody reads it here: whoever does may want rows
}

TEST_CASE("blocked images have the numbers of plain ones", "[layout]") {
  for (const std::string model : {"resnet", "unet"}) {
    const TrainingGraph training = training_of(model, 3);
    GraphRunner blocked(training.graph, 2);
    GraphRunner plain(training.graph, 2, GraphRunner::Layouts::kPlain);
    for (GraphRunner* runner : {&blocked, &plain}) {
      fill(*runner, training.graph);
      runner->run({.learning_rate = 0.1});
    }
    CHECK(blocked.floats(training.graph.loss())[0] == Approx(plain.floats(training.graph.loss())[0]).epsilon(1e-6));
    for (const TrainedParameter& trained : training.trained) {
      INFO(training.graph.tensor(trained.parameter).name);
      const std::vector<float> got = blocked.floats(trained.gradient);
      const std::vector<float> expected = plain.floats(trained.gradient);
      float largest = 0.0F;
      float difference = 0.0F;
      for (std::size_t i = 0; i < got.size(); ++i) {
        largest = std::max(largest, std::fabs(expected[i]));
        difference = std::max(difference, std::fabs(got[i] - expected[i]));
      }
      CHECK(largest > 0.0F);
      CHECK(difference <= 2e-5F * largest + 1e-7F);
    }
  }
}

// The loss of a sample is linear in each operand: Σ dX·X' is the loss at X'.
TEST_CASE("convolutions large enough for Winograd's algorithm are what their definition says", "[layout]") {
  const Sample sample{.op = "Conv",
                      .inputs = {normal({4, 32, 13, 10}), normal({48, 32, 3, 3})},
                      .attributes = {{"pads", Ints{1, 1, 1, 1}}}};
  const Graph forward = sample_graph(sample);
  const TrainingGraph training = differentiate(forward, {.optimizer = {.kind = OptimizerKind::kSgd}});
  IdVector<TensorId, Array> values = sample_values(forward, sample, 1);
  GraphRunner runner(training.graph, 1);
  set_values(runner, forward, values);
  runner.run();
  evaluate(forward, values);
  const TensorId y = forward.node(*forward.find_node("node")).outputs[0];
  const std::vector<float> got = runner.floats(y);
  for (std::size_t i = 0; i < got.size(); ++i) {
    REQUIRE(static_cast<double>(got[i]) == Approx(values[y].values[i]).margin(1e-5 * std::sqrt(32 * 9)));
  }
  for (const TrainedParameter& trained : training.trained) {
    INFO(training.graph.tensor(trained.parameter).name);
    const std::vector<float> gradient = runner.floats(trained.gradient);
    for (const std::uint64_t seed : {std::uint64_t{2}, std::uint64_t{3}}) {
      IdVector<TensorId, Array> other = sample_values(forward, sample, 1);
      other[trained.parameter] = sample_values(forward, sample, seed)[trained.parameter];
      evaluate(forward, other);
      double sum = 0.0;
      double scale = 0.0;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const double term = static_cast<double>(gradient[i]) * other[trained.parameter].values[i];
        sum += term;
        scale += term * term;
      }
      CHECK(sum == Approx(other[forward.loss()].values[0]).margin(1e-5 * std::sqrt(scale)));
    }
  }
}

}  // namespace mp::runtime::testing
