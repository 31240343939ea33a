// Twenty steps of training against PyTorch's losses: tests/reference/training.json, from the same weights and data.
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime::test;
using mp::Precision;

TEST_CASE("twenty steps of ten models, two of them with clipping and groups, too, have PyTorch's losses", "[torch]") {
  const TorchRuns file = read_torch_runs();
  CHECK(file.runs.size() == 12);
  for (const TorchRun& run : file.runs) require_torch_losses(run, file.seed, {});
}

TEST_CASE("twenty steps over three devices have PyTorch's losses", "[torch]") {
  const TorchRuns file = read_torch_runs();
  for (const TorchRun& run : file.runs)
    require_torch_losses(run, file.seed, {.placement = {.devices = 3, .layout = Layout::kRandom}});
}

// Autocast keeps residual streams in float32 and rounds more often elsewhere (softmax, normalisations' inputs): the two
// are as far apart as either is from float32. PyTorch's own float32 losses differ from those of autocast by 4e-4 at
// most for the language models, and by 3 to 5 % for the convolutional ones, whose rate is near the largest they bear:
// there the first steps are compared.
TEST_CASE("twenty steps in bfloat16 have the losses of PyTorch's autocast", "[torch][precision]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  CHECK(file.runs.size() == 5);
  for (const TorchRun& run : file.runs) {
    const bool is_language = run.model == "gpt" || run.model == "llama" || run.model == "lstm";
    require_torch_losses(
        run, file.seed,
        {.steps = is_language ? 20U : 5U, .tolerance = is_language ? 1e-3 : 1e-2, .precision = Precision::kBfloat16});
  }
}
