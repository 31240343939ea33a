// Whole trainings with the GPU's kernels, run on the host: graphs of forward, backward and update as the executor runs
// them, with buffers used over again.
#include "runtime/gpu/host_backend.hpp"

#include <vector>

#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime::test;

TEST_CASE("kernels of GPUs train to PyTorch's losses", "[gpu-kernels][torch]") {
  const TorchRuns file = read_torch_runs();
  int count = 0;
  for (const TorchRun& run : file.runs) {
    require_torch_losses(run, file.seed,
                         {.placement = {.devices = 2},
                          .backends = [](mp::DeviceId) { return mp::runtime::make_gpu_host_backend(); },
                          .steps = 3});
    ++count;
  }
  CHECK(count == 12);
}

TEST_CASE("kernels of GPUs train in bfloat16 as the CPU does", "[gpu-kernels][precision]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  int count = 0;
  for (const TorchRun& run : file.runs) {
    INFO(run.model);
    TorchCheck check{.steps = 3, .precision = mp::Precision::kBfloat16};
    const std::vector<double> expected = losses_of_torch_run(run, file.seed, check);
    const bool fuses_attention = run.model != "llama";  // by blocks there
    check.backends = [=](mp::DeviceId) {
      return mp::runtime::make_gpu_host_backend_with({.fuses_attention = fuses_attention});
    };
    const std::vector<double> got = losses_of_torch_run(run, file.seed, check);
    const bool is_language = run.model == "gpt" || run.model == "llama" || run.model == "lstm";
    for (std::size_t step = 0; step < got.size(); ++step) {
      CAPTURE(step);
      CHECK(got[step] == Approx(expected[step]).epsilon(is_language ? 5e-4 : 5e-3));
    }
    ++count;
  }
  CHECK(count == 5);
}

TEST_CASE("attention that the device's library fuses is that of blocks", "[gpu-kernels][precision]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  for (const TorchRun& run : file.runs) {
    if (run.model != "gpt" && run.model != "llama") continue;  // llama's query heads share key heads
    INFO(run.model);
    const auto losses = [&](bool fuses_attention) {
      return losses_of_torch_run(
          run, file.seed,
          {.backends =
               [=](mp::DeviceId) {
                 return mp::runtime::make_gpu_host_backend_with({.fuses_attention = fuses_attention});
               },
           .steps = 4,
           .precision = mp::Precision::kBfloat16});
    };
    const std::vector<double> fused = losses(true);
    const std::vector<double> blocks = losses(false);
    CHECK(fused != blocks);  // rounded at other places
    for (std::size_t i = 0; i < fused.size(); ++i) CHECK(fused[i] == Approx(blocks[i]).epsilon(5e-4));
  }
}
