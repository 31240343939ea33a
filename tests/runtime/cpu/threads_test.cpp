// The same bits for every number of threads: forward, backward and update of every operator.
#include "lib/training/training_graph.hpp"
#include "tests/runtime/cpu/support/samples.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

// Bytes of every tensor after two steps of training on the sample.
std::vector<std::vector<std::byte>> train(const Graph& graph, const IdVector<TensorId, Array>& values, int threads) {
  GraphRunner runner(graph, threads);
  set_values(runner, graph, values);
  for (std::int64_t step = 0; step < 2; ++step) runner.run({.seed = 3, .step = step, .learning_rate = 0.01});
  std::vector<std::vector<std::byte>> bytes;
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) bytes.push_back(runner.bytes_of(id));
  return bytes;
}

void check_threads(const Sample& sample) {
  INFO(name_of(sample));
  const Graph forward = sample_graph(sample);
  const IdVector<TensorId, Array> values = sample_values(forward, sample, 5);
  const TrainingGraph training = differentiate(forward, {.optimizer = {.kind = OptimizerKind::kAdamW}});
  const auto one = train(training.graph, values, 1);
  for (const int threads : {2, 3, 4}) {
    CAPTURE(threads);
    const auto several = train(training.graph, values, threads);
    for (const TensorId id : ids<TensorId>(training.graph.tensors().size())) {
      INFO(training.graph.tensor(id).name);
      REQUIRE(one[index(id)] == several[index(id)]);
    }
  }
}

}  // namespace

TEST_CASE("small operators have the same bits for every number of threads") {
  for (const Sample& sample : small_samples()) check_threads(sample);
}

TEST_CASE("large operators have the same bits for every number of threads") {
  for (const Sample& sample : large_samples()) check_threads(sample);
}

}  // namespace mp::runtime::testing
