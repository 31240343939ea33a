// Trainings on several emulated GPUs, with work done at once, late, and at odd times; and what goes wrong on the way.
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/devices.hpp"
#include "runtime/data/data_source.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/runtime/support/scores_model.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

namespace mp::emulation {
namespace {

using namespace mp::runtime;
using namespace mp::runtime::test;
using Catch::Matchers::Contains;

// Device d of the plan is GPU d.
BackendFactory gpus(bool use_graphs = true, bool tunes_products = false) {
  return [=](DeviceId device) {
    return make_cuda_backend(
        {.device = static_cast<int>(index(device)), .use_graphs = use_graphs, .tunes_products = tunes_products});
  };
}

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const RunError& error) {
    return error.what();
  }
  return "nothing";
}

// Losses of some steps of a small model over three GPUs.
std::vector<double> train(bool use_graphs = true, std::int64_t steps = 4, Precision precision = Precision::kFloat32,
                          bool tunes_products = false) {
  constexpr std::uint64_t kSeed = 7;
  const Subject subject = load("mlp", 8, 2, {.kind = OptimizerKind::kAdamW}, precision);
  Executor executor(program_of(subject.training, {.devices = 3, .layout = Layout::kRandom}),
                    gpus(use_graphs, tunes_products));
  executor.initialise_parameters(kSeed);
  const TrainingData data = data_of(subject.training, kSeed);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < steps; ++step) {
    const double rate = 0.01 / static_cast<double>(step + 1);  // replays must not keep the first
    losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = rate}, *data.training));
  }
  return losses;
}

}  // namespace

TEST_CASE("several emulated GPUs have PyTorch's losses, whenever they do their work", "[emulation]") {
  const TorchRuns file = read_torch_runs();
  for (const Timing timing : {Timing::kLate, Timing::kRandom}) {
    const MachineForTest machine({.devices = 3, .timing = timing, .seed = 5});
    for (const TorchRun& run : file.runs) {
      if (run.model != "gpt" && run.model != "mlp" && run.model != "resnet") continue;
      const Counts before = counts();
      require_torch_losses(run, file.seed,
                           {.placement = {.devices = 3}, .backends = gpus(), .steps = 3, .tolerance = 3e-4});
      CHECK(counts().graph_launches > before.graph_launches);
      CHECK(counts().peer_bytes > before.peer_bytes);
      CHECK(counts().staged_bytes == before.staged_bytes);
      CHECK(counts().pageable_bytes == before.pageable_bytes);
    }
  }
}

TEST_CASE("replayed steps have the losses of launched ones, in both precisions", "[emulation]") {
  const MachineForTest machine({.devices = 3, .timing = Timing::kRandom});
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const std::vector<double> launched = train(false, 5, precision);
    CHECK(train(true, 5, precision) == launched);
  }
}

TEST_CASE("a training whose products are tuned in its first step is the same training", "[emulation]") {
  const MachineForTest machine({.devices = 3, .timing = Timing::kLate});
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const std::vector<double> losses = train(true, 3, precision, true);
    const std::vector<double> expected = train(true, 3, precision);
    for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(1e-5));
  }
}

TEST_CASE("scores whose rows have room behind them train on emulated GPUs as on the processor", "[emulation]") {
  const MachineForTest machine({.devices = 2, .timing = Timing::kLate});
  const std::vector<double> expected = losses_of_scores(cpu_backends(1));
  const std::vector<double> losses = losses_of_scores(gpus(), 2);
  for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(2e-3));
}

TEST_CASE("a wait that is forgotten, or work that is missing from a graph, shows in the losses", "[emulation]") {
  const auto losses = [](const Machine& wanted) {
    const MachineForTest machine(wanted);
    std::vector<double> found;
    const std::string failure = failure_of([&found] { found = train(); });
    CHECK((failure == "nothing" || found.empty()));
    return found;
  };
  const std::vector<double> good = losses({.devices = 3});
  CHECK(losses({.devices = 3, .timing = Timing::kLate}) == good);
  CHECK(losses({.devices = 3, .timing = Timing::kRandom}) == good);
  CHECK(losses({.devices = 3, .timing = Timing::kLate, .ignores_waits = true}) != good);
  CHECK(losses({.devices = 3, .dropped_node = 0}) != good);
}

TEST_CASE("biases are added where cuBLASLt has no algorithm for it", "[emulation]") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    std::vector<double> with;
    {
      const MachineForTest machine({.devices = 3});
      with = train(true, 3, precision);
    }
    const MachineForTest machine({.devices = 3, .has_epilogues = false});
    const std::vector<double> without = train(true, 3, precision);
    const double tolerance = precision == Precision::kFloat32 ? 1e-5 : 5e-3;  // rounded before the bias, too
    for (std::size_t i = 0; i < with.size(); ++i) CHECK(without[i] == Approx(with[i]).epsilon(tolerance));
  }
}

TEST_CASE("GPUs that cannot reach each other copy through the host", "[emulation]") {
  std::vector<double> straight;
  {
    const MachineForTest machine({.devices = 3});
    straight = train();
  }
  const MachineForTest machine({.devices = 3, .has_peer_access = false});
  const Counts before = counts();
  CHECK(train() == straight);
  CHECK(counts().staged_bytes > before.staged_bytes);
}

TEST_CASE("a GPU that fails ends the training with its number, its step and CUDA's word for it", "[emulation]") {
  for (const Timing timing : {Timing::kPrompt, Timing::kLate, Timing::kRandom}) {
    for (const std::int64_t work : {300, 500, 700}) {
      const MachineForTest machine({.devices = 3, .timing = timing});
      const Counts before = counts();
      const std::string text = failure_of([work] {
        fail_at_work(work);
        train(work != 500, 200);
      });
      CAPTURE(text);
      CHECK_THAT(text, Contains("device ") && Contains("(cuda:") && Contains("step "));
      CHECK(counts().late_uses == before.late_uses);
      CHECK_THAT(text, Contains("cudaErrorIllegalAddress: an illegal memory access was encountered"));
    }
  }
}

namespace {

// Breaks off in the middle of a step, while the other devices have work under way.
class BrokenData final : public DataSource {
 public:
  BrokenData(const DataSource& whole, std::size_t input, std::int32_t microbatch)
      : whole_(whole), input_(input), microbatch_(microbatch) {}
  void fill(std::size_t input, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    if (step == 2 && input == input_ && microbatch == microbatch_) throw RunError("the file is broken");
    whole_.fill(input, step, microbatch, slice);
  }

 private:
  const DataSource& whole_;
  std::size_t input_;
  std::int32_t microbatch_;
};

}  // namespace

TEST_CASE("a training that ends in the middle of a step frees nothing that a GPU still copies", "[emulation]") {
  const MachineForTest machine({.devices = 3, .timing = Timing::kLate});
  const Counts before = counts();
  const Subject subject = load("mlp", 8, 4, {.kind = OptimizerKind::kAdamW});
  const TrainingData data = data_of(subject.training, 7);
  for (const std::size_t input : {0U, 1U}) {
    for (const std::int32_t microbatch : {0, 1, 2, 3}) {
      const BrokenData broken(*data.training, input, microbatch);
      Executor executor(program_of(subject.training, {.devices = 3, .layout = Layout::kRandom}), gpus());
      executor.initialise_parameters(7);
      for (std::int64_t step = 0; step < 2; ++step) {
        static_cast<void>(executor.run_step({.seed = 7, .step = step, .learning_rate = 0.01}, broken));
      }
      CHECK_THROWS_AS(executor.run_step({.seed = 7, .step = 2, .learning_rate = 0.01}, broken), RunError);
    }
  }
  CHECK(counts().late_uses == before.late_uses);
}

TEST_CASE("memory that a GPU does not have is accounted for", "[emulation]") {
  const MachineForTest machine({.devices = 3, .memory_bytes = 33'800'000});  // cuBLAS takes 33.6 MB of it
  const std::string text = failure_of([] { train(); });
  CHECK_THAT(text, Contains("cannot allocate its arena of ") && Contains("no memory for 0.00") &&
                       Contains("of its 0.034 GB are free\nwhat takes it, of ") &&
                       Contains("parameters and optimizer state") && Contains("--recompute auto or --zero 1"));
}

TEST_CASE("a machine without a GPU that can be used says why", "[emulation]") {
  const auto reason = [](const Machine& wanted) {
    const MachineForTest machine(wanted);
    CHECK(cuda_devices().devices.empty());
    return failure_of([] { static_cast<void>(make_cuda_backend({})); });
  };
  const std::string start = "no CUDA device to train on: ";
  CHECK(reason({.driver_version = 0}) == start + "no NVIDIA driver is installed");
  CHECK_THAT(reason({.driver_version = 12040}),
             Catch::Matchers::StartsWith(start + "the NVIDIA driver is for CUDA 12.4 at most, this build needs ") &&
                 Catch::Matchers::EndsWith(": update the driver"));
  CHECK(reason({.devices = 0}) == start + "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES may hide it)");
}

TEST_CASE("a GPU that this build has no kernels for is refused with the remedy", "[emulation]") {
  const MachineForTest machine({.compute_capability = 80});
  CHECK(failure_of([] { static_cast<void>(make_cuda_backend({})); }) ==
        "cuda:0 has compute capability 8.0, this build's kernels need 9.0: build with -DCMAKE_CUDA_ARCHITECTURES=80");
}

TEST_CASE("a GPU beyond the last is refused", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  CHECK(failure_of([] { static_cast<void>(make_cuda_backend({.device = 1})); }) ==
        "there is no cuda:1: this machine has 1 CUDA device");
}

}  // namespace mp::emulation
