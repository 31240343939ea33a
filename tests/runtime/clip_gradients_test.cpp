// Gradient clipping by global norm: the same bits on any number of devices, and what the norm is.
#include <cmath>
#include <cstdint>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/plan/prepare.hpp"
#include "tests/runtime/cpu/support/graph_runner.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

Optimizer clipping(double norm) {
  Optimizer optimizer{.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.01};
  optimizer.clip_norm = norm;
  return optimizer;
}

std::vector<double> norms_of(const TrainingGraph& training, const PlacementCase& placement) {
  Executor executor(program_of(training, placement), cpu_backends(1));
  executor.initialise_parameters(7);
  const TrainingData data = data_of(training, 7);
  std::vector<double> norms;
  for (std::int64_t step = 0; step < 2; ++step) {
    executor.run_step({.seed = 7, .step = step, .learning_rate = 0.05}, *data.training);
    norms.push_back(executor.gradient_norm().value());
  }
  return norms;
}

}  // namespace

TEST_CASE("clipped training has the same bits under every placement", "[clip]") {
  for (const char* model : {"mlp", "gpt-1m"}) {  // the GPT's embedding is tied to its head
    const Subject subject = load(model, 4, 4, clipping(0.1));
    const Outcome one = train_steps(subject.training, {});
    const std::vector<double> norms = norms_of(subject.training, {});
    CHECK(norms[0] > 0.1);  // it does clip
    CHECK((one != train_steps(load(model, 4, 4, clipping(1e30)).training, {})));
    for (const std::int32_t devices : {2, 5}) {
      for (const Layout layout : {Layout::kChain, Layout::kRandom}) {
        CAPTURE(model, devices, static_cast<int>(layout));
        CHECK((train_steps(subject.training, {.devices = devices, .layout = layout, .threads = 2}) == one));
      }
    }
    CHECK(norms_of(subject.training, {.devices = 3, .layout = Layout::kRandom}) == norms);
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      CAPTURE(model, zero);
      const PlacementCase how{.devices = 1 + zero % 2, .replicas = 4, .zero = zero};
      CHECK((train_steps(subject.training, how) == one));
      CHECK(norms_of(subject.training, how) == norms);
    }
  }
}

TEST_CASE("a limit that no gradient reaches changes no bit", "[clip]") {
  const Subject free = load("mlp", 8, 2, clipping(0.0));
  CHECK((train_steps(free.training, {.devices = 2}) ==
         train_steps(load("mlp", 8, 2, clipping(1e30)).training, {.devices = 2})));
  Executor executor(program_of(free.training, {}), cpu_backends(1));
  CHECK_FALSE(executor.gradient_norm().has_value());
}

TEST_CASE("the norm of all gradients and the factor are PyTorch's", "[clip]") {
  GraphBuilder builder("clip");
  const TensorId a = builder.add_input("a", {DataType::kFloat32, {3, 70'001}});  // of four pieces
  const TensorId b = builder.add_input("b", {DataType::kFloat32, {2}});
  const TensorId c = builder.add_input("c", {DataType::kFloat32, {}});
  const TensorId first = builder.add("GradientL2", "first", {c, a});
  const TensorId second = builder.add("GradientL2", "second", {b});
  Node node;
  node.name = "norm";
  node.op_name = "GradientNorm";
  node.inputs = {first, second};
  node.attributes = {{"clip_norm", 2.0}, {"order", std::vector<std::int64_t>{1, 2, 3, 4, 5, 0}}};
  builder.add_node(std::move(node), {"norm", "factor"});
  const Graph graph = std::move(builder).build();
  mp::runtime::testing::GraphRunner runner(graph, 3);
  const auto run = [&](float scale) {
    std::vector<float> values(3 * 70'001);
    double squares = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = scale * static_cast<float>(std::sin(static_cast<double>(i)));
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    runner.set(a, values);
    runner.set(b, std::vector<float>{3.0F * scale, 4.0F * scale});
    runner.set(c, std::vector<float>{12.0F * scale});
    runner.run({.microbatch = -1});
    return std::sqrt(squares + 169.0 * static_cast<double>(scale) * static_cast<double>(scale));
  };
  const auto value = [&](const char* name) { return static_cast<double>(runner.floats(*graph.find_tensor(name))[0]); };
  const double large = run(1.0F);
  CHECK(value("norm") == Approx(large).epsilon(1e-6));
  CHECK(value("factor") == Approx(2.0 / (large + 1e-6)).epsilon(1e-6));
  const double small = run(1e-3F);
  CHECK(value("norm") == Approx(small).epsilon(1e-6));
  CHECK(value("factor") == 1.0);
  run(1e30F);  // squares beyond float32
  CHECK(std::isfinite(value("norm")));
  run(std::nanf(""));
  CHECK(std::isnan(value("norm")));
  CHECK(std::isnan(value("factor")));
}
