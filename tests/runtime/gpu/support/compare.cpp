#include "tests/runtime/gpu/support/compare.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/operators/operator.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

void require_close(const std::vector<float>& got, const std::vector<float>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  double scale = 1.0;
  for (const float x : expected) {
    if (std::isfinite(x)) scale = std::max(scale, std::fabs(static_cast<double>(x)));
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i]) ? std::isnan(got[i]) : got[i] == expected[i]) continue;
    const double error = std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    if (error <= tolerance * scale) continue;
    CAPTURE(i, got[i], expected[i]);
    REQUIRE(error <= tolerance * scale);
  }
}

struct Subject {
  Graph graph;
  std::vector<bool> nodes;  // those to run
};

Subject subject_of(const Sample& sample, Run run) {
  Graph graph = sample_graph(sample);
  if (run == Run::kForward) return {graph, std::vector<bool>(graph.nodes().size(), true)};
  const TrainingGraph training = differentiate(graph, {.optimizer = {.kind = OptimizerKind::kAdamW}});
  Subject subject{training.graph, {}};
  for (const Phase phase : training.phase) subject.nodes.push_back(run == Run::kUpdate || phase != Phase::kUpdate);
  return subject;
}

}  // namespace

void require_same_as_cpu(const Sample& sample, Run run, const MakeBackend& make_backend, double tolerance) {
  INFO(name_of(sample));
  const IdVector<TensorId, Array> values = sample_values(sample_graph(sample), sample, 1);
  const Subject subject = subject_of(sample, run);
  GraphRunner expected(subject.graph, 1, GraphRunner::Layouts::kPlain);
  GraphRunner got(subject.graph, make_backend());
  const StepContext context{.seed = 3, .step = 5, .microbatch = 1, .learning_rate = 0.01};
  for (GraphRunner* runner : {&expected, &got}) {
    set_values(*runner, subject.graph, values);
    runner->run(context, subject.nodes);
  }
  for (const TensorId id : ids<TensorId>(subject.graph.tensors().size())) {
    const Tensor& tensor = subject.graph.tensor(id);
    INFO("tensor " << tensor.name);
    if (tensor.type.type == DataType::kFloat32) {
      require_close(got.floats(id), expected.floats(id), tolerance);
    } else {
      REQUIRE(got.bytes_of(id) == expected.bytes_of(id));
    }
  }
}

std::set<std::string> operators_of(const Sample& sample, Run run) {
  const Subject subject = subject_of(sample, run);
  std::set<std::string> names;
  for (const Node& node : subject.graph.nodes()) names.insert(node.op_name);
  return names;
}

}  // namespace mp::runtime::testing
