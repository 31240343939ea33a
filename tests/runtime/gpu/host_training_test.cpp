// Whole trainings with the GPU's kernels, run on the host: graphs of forward, backward and update as the executor runs
// them, with buffers used over again.
#include "runtime/gpu/host_backend.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime::test;

TEST_CASE("kernels of GPUs train to PyTorch's losses", "[gpu-kernels][torch]") {
  const TorchRuns file = read_torch_runs();
  int count = 0;
  for (const TorchRun& run : file.runs) {
    if (run.model.starts_with("lstm")) continue;
    require_torch_losses(run, file.seed,
                         {.placement = {.devices = 2},
                          .backends = [](mp::DeviceId) { return mp::runtime::make_gpu_host_backend(); },
                          .steps = 3});
    ++count;
  }
  CHECK(count == 11);
}
