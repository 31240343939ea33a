#include "runtime/evaluate.hpp"

#include <algorithm>

#include "lib/operators/operator.hpp"
#include "lib/training/evaluation.hpp"
#include "runtime/weights.hpp"

namespace mp::runtime {

bool can_evaluate(const Graph& forward) {
  return forward.loss() != kNone<TensorId> && std::none_of(forward.nodes().begin(), forward.nodes().end(),
                                                           [](const Node& node) { return node.op->name == "Dropout"; });
}

double evaluate(Executor& trained, const Graph& forward, const BackendFactory& backends, const DataSource& data,
                const EvaluateOptions& options) {
  const Program& program = trained.program();
  Executor executor(compile(evaluation_graph(forward, program.training), program.placement,
                            {.schedule = program.schedule,
                             .devices = static_cast<std::int32_t>(program.devices.size()),
                             .cluster = nullptr,
                             .replicas = program.replicas,
                             .zero = program.zero}),
                    backends);
  copy_weights(trained, executor);
  double sum = 0.0;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    sum += executor.run_step({.seed = options.seed, .step = step}, data);
  }
  return sum / static_cast<double>(options.steps);
}

}  // namespace mp::runtime
