// Every operator's kernel against its definition in float64; its gradient against central differences of the
// definition.
#include <algorithm>
#include <cmath>
#include <set>

#include "lib/operators/operator.hpp"
#include "lib/training/training_graph.hpp"
#include "runtime/cpu/registry.hpp"
#include "tests/runtime/cpu/support/samples.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

double largest(const std::vector<double>& values) {
  double most = 0.0;
  for (const double v : values) most = std::max(most, std::fabs(v));
  return most;
}

// float32 sums of up to a few thousand terms: 2⁻²⁴ each, relative to the largest number of the tensor.
void require_close(const GraphRunner& runner, const Graph& graph, TensorId tensor, const Array& expected,
                   double tolerance) {
  const double scale = std::max(1.0, largest(expected.values));
  INFO("tensor " << graph.tensor(tensor).name);
  if (graph.tensor(tensor).type.type != DataType::kFloat32) {
    const std::vector<std::byte> bytes = runner.bytes_of(tensor);
    const std::size_t width = bytes.size() / expected.values.size();
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      REQUIRE(static_cast<int>(static_cast<std::int8_t>(bytes[i * width])) == static_cast<int>(expected.values[i]));
    }
    return;
  }
  const std::vector<float> got = runner.floats(tensor);
  REQUIRE(got.size() == expected.values.size());
  std::size_t worst = 0;
  const auto error = [&](std::size_t i) { return std::fabs(static_cast<double>(got[i]) - expected.values[i]); };
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(error(i) <= error(worst))) worst = i;  // NaN is worst
  }
  CAPTURE(worst, got[worst], expected.values[worst]);
  REQUIRE(error(worst) <= tolerance * scale);
}

void check_forward(const Sample& sample, std::uint64_t seed, double tolerance) {
  INFO(name_of(sample));
  const Graph graph = sample_graph(sample);
  IdVector<TensorId, Array> values = sample_values(graph, sample, seed);
  GraphRunner runner(graph, 2);
  set_values(runner, graph, values);
  runner.run();
  evaluate(graph, values);
  const Node& node = graph.node(*graph.find_node("node"));
  for (const TensorId output : node.outputs) require_close(runner, graph, output, values[output], tolerance);
}

double loss_of(const Graph& graph, IdVector<TensorId, Array> values) {
  evaluate(graph, values);
  return values[graph.loss()].at(0);
}

// The central difference of the reference in float64: its own error is below 1e−8 of the largest value.
Array difference_quotients(const Graph& graph, IdVector<TensorId, Array>& values, TensorId parameter) {
  constexpr double kStep = 1e-5;
  Array gradient(values[parameter].shape);
  for (std::int64_t i = 0; i < gradient.size(); ++i) {
    const double before = values[parameter].at(i);
    values[parameter].at(i) = before + kStep;
    const double above = loss_of(graph, values);
    values[parameter].at(i) = before - kStep;
    const double below = loss_of(graph, values);
    values[parameter].at(i) = before;
    gradient.at(i) = (above - below) / (2.0 * kStep);
  }
  return gradient;
}

std::vector<bool> but_updates(const TrainingGraph& training) {
  std::vector<bool> flags;
  for (const Phase phase : training.phase) flags.push_back(phase != Phase::kUpdate);
  return flags;
}

void check_gradient(const Sample& sample, std::uint64_t seed) {
  INFO(name_of(sample));
  const Graph graph = sample_graph(sample);
  IdVector<TensorId, Array> values = sample_values(graph, sample, seed);
  const TrainingGraph training = differentiate(graph, {.optimizer = {.kind = OptimizerKind::kSgd}});
  GraphRunner runner(training.graph, 2);
  set_values(runner, training.graph, values);
  runner.run({}, but_updates(training));
  REQUIRE(!training.trained.empty());
  for (const TrainedParameter& trained : training.trained) {
    const Array expected = difference_quotients(graph, values, trained.parameter);
    require_close(runner, training.graph, trained.gradient, expected, sample.tolerance);
  }
}

// The slope along one random direction of each parameter: two evaluations instead of two for every element.
void check_directions(const Sample& sample, std::uint64_t seed) {
  const Graph graph = sample_graph(sample);
  const IdVector<TensorId, Array> values = sample_values(graph, sample, seed);
  const IdVector<TensorId, Array> directions = sample_values(graph, sample, seed + 1);
  const TrainingGraph training = differentiate(graph, {.optimizer = {.kind = OptimizerKind::kSgd}});
  GraphRunner runner(training.graph, 2);
  set_values(runner, training.graph, values);
  runner.run({}, but_updates(training));
  for (const TrainedParameter& trained : training.trained) {
    constexpr double kStep = 1e-6;
    const std::vector<float> gradient = runner.floats(trained.gradient);
    double slope = 0.0;
    double scale = 0.0;
    IdVector<TensorId, Array> above = values;
    IdVector<TensorId, Array> below = values;
    for (std::int64_t i = 0; i < values[trained.parameter].size(); ++i) {
      const double direction = directions[trained.parameter].at(i);
      const double term = static_cast<double>(gradient[static_cast<std::size_t>(i)]) * direction;
      slope += term;
      scale += term * term;
      above[trained.parameter].at(i) += kStep * direction;
      below[trained.parameter].at(i) -= kStep * direction;
    }
    INFO(graph.tensor(trained.parameter).name << " of " << name_of(sample));
    const double expected = (loss_of(graph, std::move(above)) - loss_of(graph, std::move(below))) / (2.0 * kStep);
    // The terms are as good as independent: their sum is about √(Σ term²), its float32 error far below.
    REQUIRE(std::fabs(slope - expected) <= 1e-4 * std::sqrt(scale) + 1e-9);
  }
}

}  // namespace

TEST_CASE("forward kernels agree with the definitions") {
  for (const Sample& sample : small_samples()) check_forward(sample, 1, 1e-5);
  for (const Sample& sample : forward_samples()) check_forward(sample, 1, 1e-5);
}

TEST_CASE("large kernels, cut into parts, agree with the definitions") {
  for (const Sample& sample : large_samples()) {
    check_forward(sample, 2, 2e-5);
    check_directions(sample, 2);
  }
}

TEST_CASE("gradients agree with central differences") {
  for (const Sample& sample : small_samples()) {
    for (const std::uint64_t seed : {1U, 2U}) check_gradient(sample, seed);
  }
}

TEST_CASE("every operator has a kernel and a sample") {
  std::set<std::string> seen;
  for (const auto& list : {small_samples(), forward_samples()}) {
    for (const Sample& sample : list) {
      const Graph graph = sample_graph(sample);
      for (const OptimizerKind kind : {OptimizerKind::kSgd, OptimizerKind::kAdam}) {
        if (graph.loss() == kNone<TensorId>) continue;
        const TrainingGraph training = differentiate(graph, {.optimizer = {.kind = kind}});
        for (const Node& node : training.graph.nodes()) seen.insert(node.op_name);
      }
      for (const Node& node : graph.nodes()) seen.insert(node.op_name);
    }
  }
  for (const Operator* op : all_operators()) {
    if (op->is_opaque) continue;
    INFO(op->name);
    CHECK(cpu::find_kernel(op->name) != nullptr);
    CHECK(seen.contains(op->name));
  }
}

}  // namespace mp::runtime::testing
