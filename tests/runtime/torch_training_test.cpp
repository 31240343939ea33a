// Twenty steps of training against PyTorch's losses: tests/reference/training.json, from the same weights and data.
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime::test;

TEST_CASE("twenty steps of five models have PyTorch's losses", "[torch]") {
  const TorchRuns file = read_torch_runs();
  CHECK(file.runs.size() == 5);
  for (const TorchRun& run : file.runs) require_torch_losses(run, file.seed, {});
}

TEST_CASE("twenty steps over three devices have PyTorch's losses", "[torch]") {
  const TorchRuns file = read_torch_runs();
  for (const TorchRun& run : file.runs)
    require_torch_losses(run, file.seed, {.placement = {.devices = 3, .layout = Layout::kRandom}});
}
