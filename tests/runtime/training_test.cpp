// Training as such: the smallest model against its closed form, weights that come back, losses that must fall.
#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/trainer.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/allocations.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

const Optimizer kPlainSgd{.kind = OptimizerKind::kSgd, .weight_decay = 0.0};
constexpr std::size_t kWidth = 10;

using Matrix = std::array<std::array<double, kWidth>, kWidth>;
using Vector = std::array<double, kWidth>;

// h = x·W1ᵀ + b1, y = h·W2ᵀ + b2, loss = Σ y. So dy = 1, db2 = batch, dW2[o] = Σ_batch h, dh = Σ_o W2[o],
// db1 = batch · dh, dW1[o] = dh[o] · Σ_batch x.
struct ClosedForm {
  Matrix w1{};
  Matrix w2{};
  Vector b1{};
  Vector b2{};

  double step(const std::vector<float>& x, double learning_rate) {
    const double batch = static_cast<double>(x.size() / kWidth);
    Vector sum_x{};
    for (std::size_t i = 0; i < x.size(); ++i) sum_x[i % kWidth] += static_cast<double>(x[i]);
    Vector sum_h{};
    Vector dh{};
    for (std::size_t o = 0; o < kWidth; ++o) {
      sum_h[o] = batch * b1[o];
      for (std::size_t i = 0; i < kWidth; ++i) sum_h[o] += w1[o][i] * sum_x[i];
      for (std::size_t p = 0; p < kWidth; ++p) dh[o] += w2[p][o];
    }
    double loss = 0.0;
    for (std::size_t o = 0; o < kWidth; ++o) {
      loss += batch * b2[o];
      for (std::size_t i = 0; i < kWidth; ++i) loss += w2[o][i] * sum_h[i];
    }
    for (std::size_t o = 0; o < kWidth; ++o) {
      b2[o] -= learning_rate * batch;
      b1[o] -= learning_rate * batch * dh[o];
      for (std::size_t i = 0; i < kWidth; ++i) {
        w2[o][i] -= learning_rate * sum_h[i];
        w1[o][i] -= learning_rate * dh[o] * sum_x[i];
      }
    }
    return loss;
  }
};

void set(Matrix& matrix, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) matrix[i / kWidth][i % kWidth] = static_cast<double>(values[i]);
}

double largest_difference(const Matrix& expected, const std::vector<float>& values) {
  double largest = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i / kWidth][i % kWidth] - static_cast<double>(values[i])));
  }
  return largest;
}

}  // namespace

TEST_CASE("models/simple.json follows its closed form, loss and parameters") {
  const std::int32_t microbatches = GENERATE(1, 4);
  const Subject subject = load("simple", 16, microbatches, kPlainSgd);
  Executor executor(program_of(subject.training, {.devices = 2}), cpu_backends(1));
  executor.initialise_parameters(1);
  const TrainingData data = data_of(subject.training, 1);
  ClosedForm expected;
  set(expected.w1, floats_of(executor, "fc1.weight"));
  set(expected.w2, floats_of(executor, "fc2.weight"));
  for (std::int64_t step = 0; step < 8; ++step) {
    std::vector<float> x(16 * kWidth);
    const std::size_t slice = x.size() / static_cast<std::size_t>(microbatches);
    for (std::int32_t mb = 0; mb < microbatches; ++mb) {
      data.training->fill(0, step, mb,
                          std::as_writable_bytes(std::span(x).subspan(static_cast<std::size_t>(mb) * slice, slice)));
    }
    const double loss = executor.run_step({.step = step, .learning_rate = 0.01}, *data.training);
    CHECK(loss == Approx(expected.step(x, 0.01)).epsilon(1e-4).margin(1e-3));
  }
  CHECK(largest_difference(expected.w1, floats_of(executor, "fc1.weight")) < 1e-4);
  CHECK(largest_difference(expected.w2, floats_of(executor, "fc2.weight")) < 1e-4);
  for (std::size_t o = 0; o < kWidth; ++o) {
    CHECK(static_cast<double>(floats_of(executor, "fc1.bias")[o]) == Approx(expected.b1[o]).margin(1e-4));
    CHECK(static_cast<double>(floats_of(executor, "fc2.bias")[o]) == Approx(expected.b2[o]).margin(1e-4));
  }
}

// On matrix products, normalisations, attention and elementwise kernels. Convolutions, pooling and the like are oneDNN
// primitives, which allocate a map of their arguments inside each execution (oneDNN 2.6: exec_ctx_t).
TEST_CASE("a step on real kernels allocates nothing after the first") {
  const std::string model = GENERATE("mlp", "gpt-1m");
  CAPTURE(model);
  const Subject subject = load(model, 4, 2, kPlainSgd);
  Executor executor(program_of(subject.training, {.devices = 2}), cpu_backends(2));
  executor.initialise_parameters(0);
  const TrainingData data = data_of(subject.training, 0);
  executor.run_step({}, *data.training);
  const std::int64_t before = allocations();
  for (std::int64_t step = 1; step < 4; ++step) executor.run_step({.step = step}, *data.training);
  CHECK(allocations() - before == 0);
}

TEST_CASE("weights saved under one placement go on under another as if nothing had happened") {
  const mp::test::TemporaryFolder folder;
  const Subject subject = load("convnet", 8, 2, kPlainSgd);
  const TrainingData data = data_of(subject.training, 3);
  const auto step = [&](Executor& executor, std::int64_t number) {
    return executor.run_step({.seed = 3, .step = number, .learning_rate = 0.05}, *data.training);
  };
  Executor first(program_of(subject.training, {.devices = 4, .layout = Layout::kRandom}), cpu_backends(1));
  first.initialise_parameters(3);
  step(first, 0);
  step(first, 1);
  save_weights(first, folder.path("w.safetensors"));
  Executor second(program_of(subject.training, {}), cpu_backends(1));
  second.initialise_parameters(99);
  load_weights(second, folder.path("w.safetensors"));
  CHECK(step(second, 2) == step(first, 2));
  CHECK(floats_of(first, "classifier.weight") == floats_of(second, "classifier.weight"));
}

TEST_CASE("weights of another model are refused, and a full disk leaves nothing") {
  const mp::test::TemporaryFolder folder;
  const Subject simple = load("simple", 16, 1, kPlainSgd);
  Executor executor(program_of(simple.training, {.devices = 2}), cpu_backends(1));
  const std::string path = folder.path("w.safetensors");
  save_weights(executor, path);
  const Subject other = load("mlp", 16, 1, kPlainSgd);
  Executor mlp(program_of(other.training, {}), cpu_backends(1));
  std::string message;
  try {
    load_weights(mlp, path);
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message.find("tensor 'fc1.bias' is F32[10], but the model has float32[128]") != std::string::npos);
  CHECK(message.find("has no tensor 'classifier.weight', a parameter of the model") != std::string::npos);
  try {
    save_weights(mlp, path);
    load_weights(executor, path);
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message.find("tensor 'classifier.bias' is no parameter of the model") != std::string::npos);
  CHECK_THROWS_AS(save_weights(executor, "/dev/full"), RunError);
  CHECK_THROWS_AS(save_weights(executor, "/nowhere/w.safetensors"), RunError);
}

TEST_CASE("training lowers the loss on the digits, held-out ones too, and evaluation changes nothing") {
  const Optimizer adam{.kind = OptimizerKind::kAdam, .weight_decay = 0.0};
  const Subject subject = load("mlp", 64, 2, adam);
  const PlacementCase placement{.devices = 2};
  Executor executor(program_of(subject.training, placement), cpu_backends(1));
  executor.initialise_parameters(0);
  const TrainingData data = data_of(subject.training, 0);
  REQUIRE(data.held_out != nullptr);
  const Graph forward =
      microbatch_graph(subject.model, {.bindings = {{"batch", 64}}, .microbatches = 2, .optimizer = adam}, "mlp");
  REQUIRE(can_evaluate(forward));
  const auto held_out = [&] {
    return evaluate(executor, forward, cpu_backends(1), *data.held_out, {.steps = data.held_out_steps});
  };
  const double before = held_out().loss;
  CHECK(before > 0.8 * std::log(10.0));  // untrained: hardly better than chance among ten classes
  std::vector<double> losses;
  const TrainSummary summary =
      train(executor, *data.training, {.steps = 60, .learning_rate = 0.003, .samples_per_step = 64},
            [&](const StepReport& report) {
              losses.push_back(report.loss);
              return report.step < 50;
            });
  CHECK(summary.steps == 50);
  CHECK(losses.size() == 50);
  CHECK(losses.back() == summary.loss);
  CHECK(summary.loss < 0.5 * losses.front());
  const std::vector<float> weights = floats_of(executor, "fc1.weight");
  const Evaluation after = held_out();
  CHECK(after.loss < 0.5 * before);
  CHECK(after.labels == 64 * data.held_out_steps);
  CHECK(after.accuracy.value() > 0.8);
  CHECK(after.perplexity.value() == Approx(std::exp(after.loss)));
  CHECK(floats_of(executor, "fc1.weight") == weights);
}

TEST_CASE("a diverging loss ends the training with a remedy") {
  const Subject subject = load("simple", 16, 1, kPlainSgd);
  Executor executor(program_of(subject.training, {.devices = 2}), cpu_backends(1));
  executor.initialise_parameters(0);
  const TrainingData data = data_of(subject.training, 0);
  std::string message;
  try {
    train(executor, *data.training, {.steps = 100, .learning_rate = 1e18}, [](const StepReport&) { return true; });
  } catch (const RunError& error) {
    message = error.what();
  }
  CHECK(
      message.ends_with("training has diverged; try a lower learning rate than 1e+18, or find the node that made it "
                        "first with --detect-anomaly"));
}
