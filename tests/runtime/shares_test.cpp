// Parameters that replicas own in shares: the losses, the parameters and the checkpoints of one device.
#include <cstdint>
#include <string>
#include <vector>

#include "lib/files/model_file.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/checkpoint/checkpoint_file.hpp"
#include "runtime/cpu/cpu_backend.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/close_losses.hpp"
#include "tests/runtime/support/collective_backend.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

// The shipped MLP with a weight of four blocks (lib/program/share_out.hpp), which is read twice, once transposed.
Subject wide_mlp(std::int32_t microbatches, const Optimizer& optimizer, Precision precision = Precision::kFloat32) {
  const std::string path = mp::test::source_dir() + "/models/mlp.json";
  Subject subject{.model = read_model(path).model, .training = {}};
  for (ModelParameter& parameter : subject.model.parameters) {
    for (Dimension& dimension : parameter.shape) {
      if (dimension.extent == 128) dimension.extent = 512;
    }
  }
  for (std::size_t i = 0; i < subject.model.nodes.size(); ++i) {
    if (subject.model.nodes[i].name != "classifier") continue;
    subject.model.nodes[i].inputs.front() = "again";
    ModelNode again;
    again.name = "again";
    again.op = "Gemm";
    again.inputs = {"fc2.relu", "fc2.weight"};
    again.outputs = {"again"};
    subject.model.nodes.insert(subject.model.nodes.begin() + static_cast<std::ptrdiff_t>(i), again);
    break;
  }
  subject.training = training_graph_of(
      subject.model,
      {.bindings = {{"batch", 12}}, .microbatches = microbatches, .optimizer = optimizer, .precision = precision},
      path);
  return subject;
}

struct Row {
  std::int32_t microbatches = 2;
  std::int32_t replicas = 2;
  std::int32_t stages = 1;
  Optimizer optimizer = {.kind = OptimizerKind::kAdamW};
  Precision precision = Precision::kFloat32;
};

}  // namespace

TEST_CASE("replicas that own shares have the losses and parameters of one device", "[parallel][zero][shares]") {
  const Row row = GENERATE(Row{.microbatches = 4}, Row{.microbatches = 3, .replicas = 3},
                           Row{.microbatches = 6, .replicas = 4},  // 2, 2, 1, 1
                           Row{.microbatches = 2, .stages = 2},
                           Row{.microbatches = 4, .optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}},
                           Row{.microbatches = 3, .replicas = 3, .optimizer = {.clip_norm = 0.1}},
                           Row{.microbatches = 4, .stages = 2, .precision = Precision::kBfloat16});
  const Subject subject = wide_mlp(row.microbatches, row.optimizer, row.precision);
  const Outcome one = train_steps(subject.training, {});
  for (const std::int32_t zero : {1, 2, 3}) {
    CAPTURE(row.microbatches, row.replicas, row.stages, row.optimizer.clip_norm, zero);
    const PlacementCase placement{.devices = row.stages, .replicas = row.replicas, .zero = zero};
    CHECK(!program_of(subject.training, placement).training.shares.empty());
    const Outcome found = train_steps(subject.training, placement);
    if (zero >= 2 || row.microbatches == row.replicas) {
      CHECK((found == one));
    } else {
      mp::runtime::test::check_close_losses(found.losses, one.losses, row.precision);
    }
  }
}

TEST_CASE("shares go by collectives as they go by messages", "[collectives][zero][shares]") {
  const Subject subject = wide_mlp(4, {.kind = OptimizerKind::kAdamW, .clip_norm = 0.5});
  const Outcome one = train_steps(subject.training, {});
  const TrainingData data = data_of(subject.training, 7);
  for (const std::int32_t zero : {1, 2, 3}) {
    for (const std::int32_t replicas : {2, 4}) {
      CAPTURE(zero, replicas);
      Program program = program_of(subject.training, {.replicas = replicas, .zero = zero, .collectives = true});
      CHECK(!program.collectives.empty());
      CHECK(!program.training.shares.empty());
      CHECK(check_program(program) == std::vector<std::string>{});
      Executor executor(std::move(program),
                        [](DeviceId) { return std::make_unique<CollectiveBackend>(make_cpu_backend({.threads = 1})); });
      executor.initialise_parameters(7);
      for (std::int64_t step = 0; step < mp::runtime::test::kSteps; ++step) {
        const double loss = executor.run_step({.seed = 7, .step = step, .learning_rate = 0.05}, *data.training);
        CHECK(loss == Approx(one.losses[static_cast<std::size_t>(step)]).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("checkpoints have whole tensors, whoever owned them", "[parallel][zero][shares]") {
  const Subject subject = wide_mlp(6, {.kind = OptimizerKind::kAdamW});
  const TrainingData data = data_of(subject.training, 1);
  const auto step = [&](Executor& executor, std::int64_t number) {
    return executor.run_step({.seed = 1, .step = number, .learning_rate = 0.01}, *data.training);
  };
  Executor one(program_of(subject.training, {}), cpu_backends(1));
  one.initialise_parameters(1);
  const mp::test::TemporaryFolder folder;
  const std::string path = folder.path("state.safetensors");
  std::int64_t at = 0;
  // The first of them, and the fourth, own whole tensors.
  for (const PlacementCase& plan : {PlacementCase{.replicas = 6, .zero = 0}, PlacementCase{.replicas = 2, .zero = 3},
                                    PlacementCase{.devices = 2, .replicas = 3, .zero = 2}, PlacementCase{},
                                    PlacementCase{.replicas = 3, .zero = 3}}) {
    Executor executor(program_of(subject.training, plan), cpu_backends(1));
    executor.initialise_parameters(at == 0 ? 1 : 99);
    if (at > 0) CHECK(load_checkpoint(executor, path).step == at);
    CAPTURE(plan.replicas, plan.zero);
    CHECK(step(executor, at) == step(one, at));
    ++at;
    Snapshot snapshot(executor);
    snapshot.take(executor, {.step = at, .settings = {}});
    snapshot.write(path);
    const SafetensorsFile file(path);
    for (const char* name : {"fc2.weight", "fc2.weight.adam.m", "fc2.weight.adam.v"}) {
      REQUIRE(file.find(name) != nullptr);
      CHECK(file.find(name)->shape == Shape{512, 512});
    }
    for (const StoredTensor& stored : file.tensors()) CHECK(stored.name.find(".share") == std::string::npos);
    // Another program takes the values as they are: what evaluation does.
    Executor other(program_of(subject.training, {}), cpu_backends(1));
    other.initialise_parameters(5);
    copy_weights(executor, other);
    CHECK(floats_of(other, "fc2.weight") == floats_of(one, "fc2.weight"));
  }
}
