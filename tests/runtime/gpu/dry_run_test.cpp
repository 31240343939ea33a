// What a step puts on a GPU, counted without one.
#include "runtime/gpu/dry_run.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/gpu/roofline.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime::gpu;

namespace {

// The shipped gpt-1m, with a vocabulary that no vector divides.
constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kContext = 128;
constexpr std::int64_t kHidden = 128;
constexpr std::int64_t kLayers = 4;
constexpr std::int64_t kVocabulary = 257;

std::vector<StepWork> gpt_step(const DryRunOptions& options = {}, Precision precision = Precision::kBfloat16) {
  Model gpt = runtime::test::load("gpt-1m", kBatch, 1, {}).model;
  gpt.parameters.front().shape.front() = Dimension{kVocabulary, {}};
  const TrainingGraph training =
      training_graph_of(gpt, {.bindings = {{"batch", kBatch}}, .optimizer = {}, .precision = precision}, "gpt");
  const Program program = runtime::test::program_of(training, {});
  return dry_run(program, DeviceId{0}, options);
}

std::int64_t launches(const std::vector<StepWork>& step) {
  std::int64_t count = 0;
  for (const StepWork& work : step) count += static_cast<std::int64_t>(work.launches.size());
  return count;
}

double flops_of(const std::vector<StepWork>& step, WorkKind kind) {
  double flops = 0.0;
  for (const StepWork& work : step) {
    for (const LoggedWork& launch : work.launches) flops += launch.kind == kind ? launch.flops : 0.0;
  }
  return flops;
}

}  // namespace

TEST_CASE("a step's products have the arithmetic of its model", "[gpu-kernels][dry-run]") {
  const std::vector<StepWork> step = gpt_step();
  // 2 FLOPs an element of every matrix and token, three times: forward, and two gradients.
  const double matrices = static_cast<double>(12 * kLayers * kHidden * kHidden + kVocabulary * kHidden);
  CHECK(flops_of(step, WorkKind::kProduct) == Approx(6.0 * matrices * kBatch * kContext));
  // Causal: a query sees (context + 1) / 2 keys on average; two products forward, five backward.
  const double pairs = kBatch * kContext * (kContext + 1) / 2.0;
  CHECK(flops_of(step, WorkKind::kAttention) == Approx(7.0 * 2.0 * pairs * kHidden * kLayers));
}

TEST_CASE("what runs in one go is fewer launches and fewer bytes", "[gpu-kernels][dry-run]") {
  const std::vector<StepWork> fused = gpt_step();
  const std::vector<StepWork> plain = gpt_step({.epilogues = false});
  CHECK(flops_of(fused, WorkKind::kProduct) == flops_of(plain, WorkKind::kProduct));
  CHECK(launches(fused) < launches(plain) * 3 / 4);
  const auto moved = [](const std::vector<StepWork>& step) {
    double bytes = 0.0;
    for (const StepWork& work : step) bytes += work.bytes_read + work.bytes_written;
    return bytes;
  };
  CHECK(moved(fused) < moved(plain));
}

// … although the loss is fetched between the two.
TEST_CASE("the scores of a language model are read once for their loss and its gradient", "[gpu-kernels][dry-run]") {
  const std::vector<StepWork> step = gpt_step();
  const auto loss = std::find_if(step.begin(), step.end(), [](const StepWork& work) {
    return !work.nodes.empty() && work.nodes.front() == "loss";
  });
  REQUIRE(loss != step.end());
  CHECK(loss->nodes == std::vector<std::string>{"loss", "loss.grad", "loss.grad.scores"});
  const double scores = 2.0 * kBatch * kContext * kVocabulary;  // bytes
  CHECK(loss->bytes_read == Approx(scores).epsilon(0.02));
  CHECK(loss->bytes_written == Approx(scores).epsilon(0.02));
}

TEST_CASE("no product of a GPT has misaligned rows in bfloat16, whatever its vocabulary", "[gpu-kernels][dry-run]") {
  const auto is_misaligned = [](const StepWork& work) { return work.is_misaligned(); };
  const std::vector<StepWork> low = gpt_step();
  CHECK(std::none_of(low.begin(), low.end(), is_misaligned));
  const std::vector<StepWork> full = gpt_step({}, Precision::kFloat32);  // as the model has it
  CHECK(std::count_if(full.begin(), full.end(), is_misaligned) == 3);
}

TEST_CASE("all parameters are updated in one launch that moves each once", "[gpu-kernels][dry-run]") {
  const std::vector<StepWork> step = gpt_step();
  const auto update = std::find_if(step.begin(), step.end(), [](const StepWork& work) {
    return !work.operators.empty() && work.operators.front() == "AdamUpdate";
  });
  REQUIRE(update != step.end());
  CHECK(update->launches.size() == 1);
  CHECK(update == step.end() - 1);
  // Matrices and embeddings: master, two moments and gradient in, all but the gradient out; and the rounded copy, 2
  // bytes that are written over, counted on both sides.
  const double rounded = static_cast<double>(12 * kLayers * kHidden * kHidden + (kVocabulary + kContext) * kHidden +
                                             9 * kLayers * kHidden);
  const double others = static_cast<double>((4 * kLayers + 2) * kHidden);  // of normalizations: float32
  CHECK(update->bytes_read + update->bytes_written == Approx(32.0 * rounded + 28.0 * others).epsilon(0.001));
}

TEST_CASE("the time of a step is that of its parts, and at least the peak's", "[gpu-kernels][dry-run]") {
  const std::vector<StepWork> step = gpt_step();
  const DeviceType type{.name = "gpu",
                        .flops_per_s = {{DataType::kFloat32, 1e12}, {DataType::kBfloat16, 1e13}},
                        .memory_bandwidth_bytes_per_s = 1e11};
  double sum = 0.0;
  for (const StepWork& work : step) {
    const WorkTime time = work_time(work, type);
    const double launched = static_cast<double>(work.launches.size()) * kGraphLaunchSeconds;
    CHECK(time.expected_s == Approx(time.peak_s + launched));  // a type without curves reaches its peaks
    sum += time.expected_s;
  }
  double by_kind = 0.0;
  for (const KindSum& kind : sums_by_kind(step, type)) by_kind += kind.time.expected_s;
  CHECK(by_kind == Approx(sum));
}
