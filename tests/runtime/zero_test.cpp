// All levels of ZeRO, over replicas that divide the microbatches and that do not, in pipelines with tied parameters,
// clipped, in bfloat16 with float32 masters, and resumed under another level: the losses of one device. Levels 2 and 3
// add gradients in the order in which one device does: the same bits, whatever the number of microbatches.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "runtime/checkpoint/checkpoint_file.hpp"
#include "tests/runtime/support/close_losses.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

struct Row {
  std::string model = "mlp";
  std::int64_t batch = 12;
  std::int32_t microbatches = 2;
  std::int32_t replicas = 2;
  std::int32_t stages = 1;
  double clip_norm = 0.0;
  Precision precision = Precision::kFloat32;
};

Optimizer adam(double clip_norm) {
  Optimizer optimizer{.kind = OptimizerKind::kAdamW};
  optimizer.clip_norm = clip_norm;
  return optimizer;
}

}  // namespace

TEST_CASE("every level of ZeRO has the losses of one device, whatever goes with it", "[parallel][zero]") {
  const Row row =
      GENERATE(Row{.microbatches = 4}, Row{.microbatches = 6, .replicas = 3},
               Row{.microbatches = 6, .replicas = 4},  // 2, 2, 1, 1
               Row{.microbatches = 12, .replicas = 4}, Row{.microbatches = 6, .replicas = 2, .stages = 2},
               Row{.microbatches = 6, .replicas = 3, .clip_norm = 0.1},
               Row{.microbatches = 6, .replicas = 2, .stages = 2, .precision = Precision::kBfloat16},
               // The GPT's embedding is on the first stage and, tied to it, its head on the last.
               Row{.model = "gpt-1m", .batch = 4, .microbatches = 4, .replicas = 2, .stages = 2, .clip_norm = 0.1});
  const Subject subject = load(row.model, row.batch, row.microbatches, adam(row.clip_norm), row.precision);
  const Outcome one = train_steps(subject.training, {});
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    if (row.model == "gpt-1m" && zero < 2) continue;  // parallel_test.cpp has them
    CAPTURE(row.model, row.microbatches, row.replicas, row.stages, row.clip_norm, zero);
    const Outcome found =
        train_steps(subject.training, {.devices = row.stages,
                                       .schedule = zero % 2 == 0 ? Schedule::k1f1b : Schedule::kZeroBubble,
                                       .replicas = row.replicas,
                                       .zero = zero});
    if (zero >= 2) {
      CHECK((found == one));
    } else {
      mp::runtime::test::check_close_losses(found.losses, one.losses, row.precision);
    }
  }
}

TEST_CASE("a run that stops goes on under another level of ZeRO and another number of replicas", "[parallel][zero]") {
  const Subject subject = load("mlp", 12, 6, adam(0.0));
  const TrainingData data = data_of(subject.training, 1);
  const auto step = [&](Executor& executor, std::int64_t number) {
    return executor.run_step({.seed = 1, .step = number, .learning_rate = 0.01}, *data.training);
  };
  Executor one(program_of(subject.training, {}), cpu_backends(1));
  one.initialise_parameters(1);
  const mp::test::TemporaryFolder folder;
  const std::string path = folder.path("state.safetensors");
  std::int64_t at = 0;
  const std::vector<PlacementCase> plans = {{.replicas = 6, .zero = 0},
                                            {.replicas = 2, .zero = 3},
                                            {.devices = 2, .replicas = 3, .zero = 2},
                                            {.replicas = 6, .zero = 1},
                                            {.devices = 2, .replicas = 2, .zero = 3}};
  for (const PlacementCase& plan : plans) {
    Executor executor(program_of(subject.training, plan), cpu_backends(1));
    executor.initialise_parameters(at == 0 ? 1 : 99);
    if (at > 0) CHECK(load_checkpoint(executor, path).step == at);
    CAPTURE(plan.replicas, plan.zero);
    CHECK(step(executor, at) == step(one, at));
    ++at;
    Snapshot snapshot(executor);
    snapshot.take(executor, {.step = at, .settings = {}});
    snapshot.write(path);
  }
}
