// Mixed precision trains the same bits under every placement, and about what float32 trains.
#include <string>
#include <utility>
#include <vector>

#include "lib/files/safetensors.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/training/recompute.hpp"
#include "lib/training/recompute_choice.hpp"
#include "runtime/checkpoint/checkpoint_file.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

const Optimizer kAdam{};
constexpr Precision kLow = Precision::kBfloat16;

// Loads what `from` has saved and returns the loss of the next step.
double next_loss(Executor& executor, const TrainingGraph& training, std::int64_t step) {
  const TrainingData data = data_of(training, 7);
  return executor.run_step({.seed = 7, .step = step, .learning_rate = 0.001}, *data.training);
}

}  // namespace

TEST_CASE("bfloat16 has the same bits on any devices, and losses near those of float32", "[precision]") {
  const auto [name, batch] =
      GENERATE(table<std::string, std::int64_t>({{"gpt-1m", 4}, {"mlp", 12}, {"convnet", 12}, {"autoencoder", 4}}));
  const std::int32_t microbatches = 2;
  CAPTURE(name);
  const Subject low = load(name, batch, microbatches, kAdam, kLow);
  const Outcome one = train_steps(low.training, {});
  const Outcome full = train_steps(load(name, batch, microbatches, kAdam).training, {});
  CHECK(one.losses.front() == Approx(full.losses.front()).epsilon(0.01));
  CHECK(one.losses != full.losses);
  CHECK((train_steps(low.training, {.devices = 3, .layout = Layout::kRandom, .threads = 2}) == one));
  CHECK((train_steps(low.training, {.devices = 4, .schedule = Schedule::kZeroBubble}) == one));
  const PlacementCase recomputes{.devices = 2, .schedule = Schedule::kGpipe};
  const Placement device_of = program_of(low.training, recomputes).placement;
  const TrainingGraph again =
      recompute(low.training, device_of, nodes_to_recompute(low.training, device_of, RecomputePattern::kAll));
  CHECK((train_steps(again, recomputes) == one));
  if (name == "convnet") return;  // its running statistics are those of a replica
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    CAPTURE(zero);
    CHECK((train_steps(low.training, {.devices = 1, .replicas = 2, .zero = zero}) == one));
  }
}

TEST_CASE("weights are saved as float32, and go on in either precision", "[precision]") {
  const mp::test::TemporaryFolder folder;
  const std::string path = folder.path("w.safetensors");
  const Subject low = load("gpt-1m", 4, 2, kAdam, kLow);
  const Subject full = load("gpt-1m", 4, 2, kAdam);
  Executor first(program_of(low.training, {}), cpu_backends(1));
  first.initialise_parameters(7);
  next_loss(first, low.training, 0);
  save_weights(first, path);
  const SafetensorsFile file(path);
  for (const StoredTensor& tensor : file.tensors()) CHECK(tensor.dtype == "F32");
  CHECK(file.tensors().size() == full.model.parameters.size());

  Snapshot snapshot(first);
  snapshot.take(first, {.step = 1, .settings = {}});
  snapshot.write(folder.path("c.safetensors"));
  const double expected = next_loss(first, low.training, 1);
  Executor resumed(program_of(low.training, {.devices = 2}), cpu_backends(1));
  CHECK(load_checkpoint(resumed, folder.path("c.safetensors")).step == 1);
  CHECK(next_loss(resumed, low.training, 1) == expected);

  Executor other(program_of(full.training, {}), cpu_backends(1));
  CHECK(load_checkpoint(other, folder.path("c.safetensors")).step == 1);
  CHECK(next_loss(other, full.training, 1) == Approx(expected).epsilon(0.005));
  Snapshot of_full(other);
  of_full.take(other, {.step = 2, .settings = {}});
  of_full.write(folder.path("f.safetensors"));
  CHECK(load_checkpoint(resumed, folder.path("f.safetensors")).step == 2);
  CHECK(next_loss(resumed, low.training, 2) == Approx(next_loss(other, full.training, 2)).epsilon(0.005));
}

TEST_CASE("a bfloat16 model is evaluated with its rounded weights", "[precision]") {
  const Subject low = load("gpt-1m", 4, 2, kAdam, kLow);
  const Graph forward = microbatch_graph(
      low.model, {.bindings = {{"batch", 4}}, .microbatches = 2, .optimizer = kAdam, .precision = kLow}, "gpt");
  const TrainingData data = data_of(low.training, 7);
  Executor executor(program_of(low.training, {.devices = 2}), cpu_backends(1));
  executor.initialise_parameters(7);
  const Evaluation before = evaluate(executor, forward, cpu_backends(1), *data.held_out, {.steps = 1});
  CHECK(before.accuracy.value() < 0.05);
  for (std::int64_t step = 0; step < 3; ++step) next_loss(executor, low.training, step);
  const Evaluation after = evaluate(executor, forward, cpu_backends(1), *data.held_out, {.steps = 1});
  CHECK(after.loss < before.loss - 0.1);
  CHECK(after.accuracy.value() > 0.1);  // of 256 bytes: the scores it is counted from are bfloat16
}

TEST_CASE("the arenas of bfloat16 are smaller, to the byte", "[precision]") {
  const Subject low = load("gpt-1m", 8, 2, kAdam, kLow);
  const Subject full = load("gpt-1m", 8, 2, kAdam);
  const auto arena = [](const Subject& subject, const PlacementCase& placement) {
    return program_of(subject.training, placement).devices[DeviceId{0}].arena_bytes;
  };
  CHECK(arena(low, {}) == 24'546'368);
  CHECK(arena(full, {}) == 32'041'024);
  CHECK(arena(low, {.devices = 2}) == 16'018'944);
  CHECK(arena(full, {.devices = 2}) == 24'305'152);
}
