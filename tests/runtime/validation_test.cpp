// Measuring while training: when, what is the best, when to stop, and going on after a stop.
#include "runtime/validation.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "lib/files/atomic_file.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/checkpoint/checkpoint_file.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

constexpr std::uint64_t kSeed = 5;
const Optimizer kSgd{.kind = OptimizerKind::kSgd, .weight_decay = 0.0};

// A model that is trained and measured; the learning rate of each step is the test's.
struct Trained {
  Subject subject = load("convnet", 8, 2, kSgd);
  TrainingData data = data_of(subject.training, kSeed);
  Executor executor{program_of(subject.training, {.devices = 2}), cpu_backends(1)};
  Graph forward =
      microbatch_graph(subject.model, {.bindings = {{"batch", 8}}, .microbatches = 2, .optimizer = kSgd}, "convnet");
  Evaluator evaluator{executor.program(), forward, cpu_backends(1)};

  Trained() { executor.initialise_parameters(kSeed); }
  void step(std::int64_t step, double rate) {
    executor.run_step({.seed = kSeed, .step = step, .learning_rate = rate}, *data.training);
  }
  Validator validator(ValidationOptions options, ValidationState state = {}) {
    options.evaluate = {.steps = 2, .seed = kSeed};
    return {executor, evaluator, *data.held_out, std::move(options), state};
  }
};

}  // namespace

TEST_CASE("a run is measured every so many steps, its best weights are kept, and it ends without a new best",
          "[validation]") {
  const mp::test::TemporaryFolder folder;
  const std::string best = folder.path("best.safetensors");
  Trained run;
  Validator validator = run.validator({.every_steps = 2, .patience = 2, .evaluate = {}, .best_weights = best});
  run.step(0, 0.05);
  CHECK_FALSE(validator.after_step(1).has_value());
  CHECK_FALSE(std::filesystem::exists(best));
  run.step(1, 0.05);
  const std::optional<Evaluation> first = validator.after_step(2);
  REQUIRE(first.has_value());
  CHECK(first->accuracy.has_value());
  CHECK(first->perplexity == Approx(std::exp(first->loss)));
  CHECK(validator.state() == ValidationState{first->loss, 2, 0});
  const std::string kept = read_file(best);
  save_weights(run.executor, folder.path("now.safetensors"));
  CHECK(kept == read_file(folder.path("now.safetensors")));
  // A step uphill: worse twice.
  run.step(2, -0.5);
  CHECK(validator.after_step(4)->loss > first->loss);
  CHECK(validator.state() == ValidationState{first->loss, 2, 1});
  CHECK_FALSE(validator.wants_stop());
  validator.after_step(6);
  CHECK(validator.wants_stop());
  CHECK(read_file(best) == kept);
  // Measuring trains nothing, and measures the same each time.
  CHECK(validator.measure().loss == validator.measure().loss);
  load_weights(run.executor, best);
  CHECK(validator.measure().loss == first->loss);
}

TEST_CASE("a loss that is no number is never the best", "[validation]") {
  Trained run;
  Validator validator = run.validator({.every_steps = 1, .patience = 0, .evaluate = {}, .best_weights = {}});
  std::vector<float> values = floats_of(run.executor, "classifier.weight");
  values[0] = std::numeric_limits<float>::quiet_NaN();
  const Graph& graph = run.executor.program().training.graph;
  run.executor.write(*graph.find_tensor("classifier.weight"), std::as_bytes(std::span(values)));
  CHECK(std::isnan(validator.after_step(1)->loss));
  CHECK(validator.state() == ValidationState{std::nullopt, 0, 1});
  CHECK_FALSE(validator.wants_stop());
}

TEST_CASE("the state of a measurement goes into a checkpoint and back, bit for bit", "[validation]") {
  const mp::test::TemporaryFolder folder;
  for (const ValidationState& state :
       {ValidationState{}, ValidationState{0.1 + 0.2, 40, 3}, ValidationState{{}, 0, 2}}) {
    CHECK(validation_state_of(to_metadata(state)) == state);
    Trained run;
    Snapshot snapshot(run.executor);
    const RunState saved{.step = 7, .settings = {{"seed", "5"}}, .progress = to_metadata(state)};
    snapshot.take(run.executor, saved);
    snapshot.write(folder.path("c.safetensors"));
    const RunState loaded = load_checkpoint(run.executor, folder.path("c.safetensors"));
    CHECK(loaded == saved);
  }
  CHECK(validation_state_of({{"validation.best_step", "x"}}) == ValidationState{});
}
