// The optimizers' updates over several steps against the published formulas in float64.
#include <cmath>

#include "lib/graph/builder.hpp"
#include "tests/runtime/cpu/support/graph_runner.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

constexpr std::size_t kSize = 21;
constexpr double kRate = 0.05;

std::vector<float> wave(double phase) {
  std::vector<float> values(kSize);
  for (std::size_t i = 0; i < kSize; ++i)
    values[i] = static_cast<float>(std::sin(phase + 0.7 * static_cast<double>(i)));
  return values;
}

Graph update_graph(const char* op, std::size_t states, Attributes attributes) {
  GraphBuilder builder("update");
  const TensorType type{DataType::kFloat32, {static_cast<std::int64_t>(kSize)}};
  Node node;
  node.name = "update";
  node.op_name = op;
  node.attributes = std::move(attributes);
  node.inputs = {builder.add_parameter("w", type, {}), builder.add_input("g", type)};
  std::vector<std::string> outputs{"w.new"};
  for (std::size_t i = 0; i < states; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    node.inputs.push_back(builder.add_parameter(name, type, {}, false));
    outputs.push_back(name + ".new");
  }
  builder.add_node(std::move(node), outputs);
  return std::move(builder).build();
}

struct State {
  double w, a = 0.0, b = 0.0;
};

// Five steps on the kernel and by `rule`(state, gradient, t); the weights must agree.
template <class Rule>
void check(const Graph& graph, const Rule& rule) {
  GraphRunner runner(graph, 2);
  const TensorId w = *graph.find_tensor("w");
  const TensorId g = *graph.find_tensor("g");
  runner.set(w, wave(0.3));
  std::vector<State> states;
  for (const float value : wave(0.3)) states.push_back({static_cast<double>(value)});
  for (std::int64_t step = 0; step < 5; ++step) {
    const std::vector<float> gradient = wave(static_cast<double>(step));
    runner.set(g, gradient);
    runner.run({.step = step, .microbatch = -1, .learning_rate = kRate});
    for (std::size_t i = 0; i < kSize; ++i)
      rule(states[i], static_cast<double>(gradient[i]), static_cast<double>(step + 1));
  }
  const std::vector<float> got = runner.floats(w);
  for (std::size_t i = 0; i < kSize; ++i) CHECK(static_cast<double>(got[i]) == Approx(states[i].w).margin(1e-6));
}

void adam_step(State& s, double g, double t, double decay, bool is_decoupled) {
  if (is_decoupled) s.w -= kRate * decay * s.w;
  if (!is_decoupled) g += decay * s.w;
  s.a = 0.9 * s.a + 0.1 * g;
  s.b = 0.99 * s.b + 0.01 * g * g;
  s.w -= kRate * (s.a / (1.0 - std::pow(0.9, t))) / (std::sqrt(s.b / (1.0 - std::pow(0.99, t))) + 1e-8);
}

}  // namespace

TEST_CASE("SGD with and without momentum and decay") {
  check(update_graph("SgdUpdate", 0, {}), [](State& s, double g, double) { s.w -= kRate * g; });
  check(update_graph("SgdUpdate", 1, {{"momentum", 0.8}, {"weight_decay", 0.1}}), [](State& s, double g, double) {
    s.a = 0.8 * s.a + g + 0.1 * s.w;
    s.w -= kRate * s.a;
  });
}

TEST_CASE("Adam with decay in the gradient and decoupled") {
  for (const bool is_decoupled : {false, true}) {
    const Attributes attributes{{"beta2", 0.99}, {"weight_decay", 0.2}, {"decoupled", std::int64_t{is_decoupled}}};
    check(update_graph("AdamUpdate", 2, attributes),
          [&](State& s, double g, double t) { adam_step(s, g, t, 0.2, is_decoupled); });
  }
}

}  // namespace mp::runtime::testing
