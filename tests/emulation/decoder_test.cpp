// Text on emulated GPUs: the scores of the processor, by recorded steps, with nothing but scores coming back.
#include <string>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/generate.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/runtime/support/scores_difference.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

namespace mp::emulation {
namespace {

using namespace mp::runtime;
using namespace mp::runtime::test;

struct Subject {
  Program program;
  Graph forward;
};

Subject subject_of(const std::string& model, std::int32_t devices, Precision precision) {
  const auto subject = load(model, 1, 1, {}, precision);
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}, .precision = precision};
  return {program_of(subject.training, {.devices = devices, .layout = Layout::kRandom}),
          microbatch_graph(subject.model, shape, model)};
}

// Epilogues skip a rounding to bfloat16 that a placement may bring back.
BackendFactory gpus() {
  return [](DeviceId device) {
    return make_cuda_backend({.device = static_cast<int>(index(device)), .use_epilogues = false});
  };
}

// The scores after a prompt, and after each of some tokens more.
std::vector<float> scores_of(const Subject& subject, const BackendFactory& backends) {
  Generator generator(subject.program, subject.forward, backends);
  REQUIRE(generator.why_not_incremental().empty());
  generator.executor().initialise_parameters(5);
  generator.take_over_weights();
  std::vector<std::int64_t> text;
  for (std::int64_t i = 0; i < 20; ++i) text.push_back(i * 37 % 200);
  std::vector<float> scores;
  for (std::size_t length = 16; length <= text.size(); ++length) {
    const std::span<const float> next = generator.next_scores(std::span(text).first(length));
    scores.insert(scores.end(), next.begin(), next.end());
  }
  return scores;
}

}  // namespace

TEST_CASE("emulated GPUs score a text as the processor does", "[emulation]") {
  const auto [model, precision] = GENERATE(std::pair<std::string, Precision>{"gpt-1m", Precision::kFloat32},
                                           std::pair<std::string, Precision>{"llama", Precision::kFloat32},
                                           std::pair<std::string, Precision>{"llama", Precision::kBfloat16});
  const std::vector<float> expected = scores_of(subject_of(model, 1, precision), cpu_backends(1));
  const MachineForTest machine({.devices = 2, .timing = Timing::kLate});
  const Counts before = counts();
  const std::vector<float> alone = scores_of(subject_of(model, 1, precision), gpus());
  CHECK(difference(alone, expected) < (precision == Precision::kFloat32 ? 1e-5 : 2e-2));
  CHECK(counts().graph_launches > before.graph_launches);
  CHECK(counts().pageable_bytes == before.pageable_bytes);
  const bool is_same = scores_of(subject_of(model, 2, precision), gpus()) == alone;
  CHECK(is_same);
}

}  // namespace mp::emulation
