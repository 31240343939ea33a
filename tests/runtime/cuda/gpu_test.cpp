// What needs a GPU: every kernel against the CPU's, trainings against PyTorch's, placements against one device. Skipped
// aloud where there is none.
#include <cmath>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/devices.hpp"
#include "runtime/gpu/registry.hpp"
#include "tests/runtime/gpu/support/compare.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

// Whether a test can run; ctest counts those that say "skipped:" as skipped.
bool has_gpu() {
  const DeviceList list = cuda_devices();
  if (!list.devices.empty()) return true;
  WARN("skipped: " << list.no_cuda);
  return false;
}

// An emulated GPU (tests/emulation/) takes seconds for what a GPU takes milliseconds for: it is given less to do.
bool is_emulated() { return cuda_devices().devices.front().description.starts_with("emulated"); }

BackendFactory gpus(bool use_graphs) {
  return [use_graphs](mp::DeviceId) { return make_cuda_backend({.device = 0, .use_graphs = use_graphs}); };
}

std::vector<double> losses_of(const mp::TrainingGraph& training, const PlacementCase& placement, bool use_graphs) {
  constexpr std::uint64_t kSeed = 7;
  Executor executor(program_of(training, placement), gpus(use_graphs));
  executor.initialise_parameters(kSeed);
  const TrainingData data = data_of(training, kSeed);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < (is_emulated() ? 4 : 5); ++step) {
    losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.01}, *data.training));
  }
  return losses;
}

void compare(const testing::Sample& sample, testing::Run run) {
  for (const std::string& name : testing::operators_of(sample, run)) {
    if (gpu::find_kernel(name) == nullptr) return;
  }
  testing::require_same_as_cpu(
      sample, run, [] { return make_cuda_backend({}); }, 5e-5);
}

}  // namespace

TEST_CASE("on a GPU, operators have the CPU's numbers", "[gpu]") {
  if (!has_gpu()) return;
  for (const testing::Sample& sample : testing::small_samples()) compare(sample, testing::Run::kBackward);
  for (const testing::Sample& sample : testing::forward_samples()) compare(sample, testing::Run::kForward);
}

TEST_CASE("on a GPU, large operators have the CPU's numbers", "[gpu]") {
  if (!has_gpu()) return;
  for (const testing::Sample& sample : testing::large_samples()) compare(sample, testing::Run::kBackward);
}

TEST_CASE("on a GPU, training has PyTorch's losses", "[gpu]") {
  if (!has_gpu()) return;
  const TorchRuns file = read_torch_runs();
  for (const TorchRun& run : file.runs) {
    for (const std::int32_t devices : {1, 3}) {
      if (devices == 1 && is_emulated()) continue;
      const std::size_t steps = is_emulated() ? 4 : 20;
      require_torch_losses(
          run, file.seed,
          {.placement = {.devices = devices}, .backends = gpus(true), .steps = steps, .tolerance = 3e-4});
    }
  }
}

TEST_CASE("on a GPU, placements and replays change no bit", "[gpu]") {
  if (!has_gpu()) return;
  const Subject subject = load("gpt-1m", is_emulated() ? 2 : 8, 2, {.kind = mp::OptimizerKind::kAdamW});
  const std::vector<double> alone = losses_of(subject.training, {}, false);
  CHECK(losses_of(subject.training, {}, true) == alone);
  CHECK(losses_of(subject.training, {.devices = 4}, true) == alone);
  CHECK(losses_of(subject.training, {.devices = 4, .layout = Layout::kRandom}, true) == alone);
}

TEST_CASE("on a GPU, products in bfloat16 take GELU and gradients of biases with them", "[gpu]") {
  if (!has_gpu()) return;
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const auto losses = [&](bool use_graphs, bool use_epilogues) {
    const BackendFactory backends = [=](mp::DeviceId) {
      return make_cuda_backend({.device = 0, .use_graphs = use_graphs, .use_epilogues = use_epilogues});
    };
    return losses_of_torch_run(file.runs.at(0), file.seed,
                               {.backends = backends, .steps = 3, .precision = mp::Precision::kBfloat16});
  };
  const std::vector<double> fused = losses(true, true);
  const std::vector<double> plain = losses(true, false);
  CHECK(fused != plain);
  for (std::size_t i = 0; i < fused.size(); ++i) CHECK(fused[i] == Approx(plain[i]).epsilon(1e-3));
  CHECK(losses(false, true) == fused);
}

TEST_CASE("on a GPU, fused attention trains as attention by blocks does, with the same bits again", "[gpu]") {
  if (!has_gpu()) return;
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  for (const std::size_t model : {0U, 1U}) {  // gpt; llama, whose query heads share key heads
    const auto losses = [&](gpu::AttentionChoice attention) {
      const BackendFactory backends = [=](mp::DeviceId) { return make_cuda_backend({.attention = attention}); };
      return losses_of_torch_run(file.runs.at(model), file.seed,
                                 {.backends = backends, .steps = 3, .precision = mp::Precision::kBfloat16});
    };
    const std::vector<double> fused = losses(gpu::AttentionChoice::kFused);
    CHECK(losses(gpu::AttentionChoice::kFused) == fused);
    const std::vector<double> blocks = losses(gpu::AttentionChoice::kBlocks);
    const std::vector<double> any_order = losses(gpu::AttentionChoice::kAnyOrder);
    for (std::size_t i = 0; i < fused.size(); ++i) {
      CHECK(fused[i] == Approx(blocks[i]).epsilon(5e-4));
      CHECK(any_order[i] == Approx(fused[i]).epsilon(5e-4));
    }
  }
}

// Positions behind 2³¹ elements and 2³² bytes, where a 32-bit number would wrap around.
TEST_CASE("on a GPU, sums of more than 2^31 elements reach their ends", "[gpu]") {
  if (!has_gpu()) return;
  constexpr std::int64_t kEnd = 13;  // no whole pack
  const std::int64_t size = (is_emulated() ? std::int64_t{1} << 18 : std::int64_t{1} << 31) + kEnd;
  if (cuda_devices().devices.front().memory_bytes < 9 * size) {
    WARN("this GPU has no memory for it");
    return;
  }
  const auto backend = make_cuda_backend({});
  const DeviceMemory sum = backend->allocate(4 * size);
  const DeviceMemory addend = backend->allocate(4 * size);
  const std::vector<float> end = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  REQUIRE(end.size() == kEnd);
  auto* const from = reinterpret_cast<float*>(addend.get());
  auto* const to = reinterpret_cast<float*>(sum.get());
  backend->copy_from_host(from + size - kEnd, end.data(), 4 * kEnd);
  backend->accumulate(to, from, size);
  backend->accumulate(to, from, size);
  std::vector<float> found(2 * kEnd);  // what lies before the end, too
  backend->copy_to_host(found.data(), to + size - 2 * kEnd, 8 * kEnd);
  backend->synchronize();
  for (std::int64_t i = 0; i < 2 * kEnd; ++i) {
    CHECK(found[static_cast<std::size_t>(i)] == static_cast<float>(i < kEnd ? 0 : 2 * (i - kEnd + 1)));
  }
}

TEST_CASE("on a GPU, a label out of range is reported", "[gpu]") {
  if (!has_gpu()) return;
  const testing::Sample sample{
      .op = "SoftmaxCrossEntropyLoss",
      .inputs = {
          {.shape = {2, 3}},
          {.shape = {2}, .fill = testing::SampleInput::Fill::kIndices, .low = 7, .high = 8, .trainable = false}}};
  const mp::Graph graph = testing::sample_graph(sample);
  testing::GraphRunner runner(graph, make_cuda_backend({}));
  testing::set_values(runner, graph, testing::sample_values(graph, sample, 1));
  CHECK_THROWS_WITH(runner.run(), Catch::StartsWith("node 'node' (SoftmaxCrossEntropyLoss): label 7 at position "));
}

TEST_CASE("a GPU's memory that there is not is refused with what there is", "[gpu]") {
  if (!has_gpu()) return;
  const auto backend = make_cuda_backend({});
  CHECK_THROWS_AS(backend->allocate(std::int64_t{1} << 45), mp::RunError);
  CHECK(backend->allocate(1000) != nullptr);  // and nothing is broken by it
}

TEST_CASE("without a CUDA device the backend says what is missing", "[gpu-kernels]") {
  const DeviceList list = cuda_devices();
  if (!list.devices.empty()) return;
  CHECK(!list.no_cuda.empty());
  CHECK_THROWS_WITH(make_cuda_backend({}), "no CUDA device to train on: " + list.no_cuda);
}
