// Replicas whose sums are collectives: what they train is what messages train.
#include <vector>

#include "runtime/cpu/cpu_backend.hpp"
#include "tests/runtime/support/collective_backend.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

std::vector<double> losses_with_collectives(const TrainingGraph& training, PlacementCase placement) {
  constexpr std::uint64_t kSeed = 7;
  placement.collectives = true;
  Program program = program_of(training, placement);
  CHECK(!program.collectives.empty());
  Executor executor(std::move(program),
                    [](DeviceId) { return std::make_unique<CollectiveBackend>(make_cpu_backend({.threads = 1})); });
  executor.initialise_parameters(kSeed);
  const TrainingData data = data_of(training, kSeed);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < mp::runtime::test::kSteps; ++step) {
    losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.05}, *data.training));
  }
  return losses;
}

}  // namespace

TEST_CASE("replicas train the same by collectives as by messages", "[collectives]") {
  for (const char* model : {"mlp", "gpt-1m"}) {
    const Subject subject = load(model, 6, 6, {.kind = OptimizerKind::kAdamW, .clip_norm = 0.5});
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      for (const PlacementCase& placement :
           {PlacementCase{.devices = 1, .replicas = 3, .zero = zero},
            PlacementCase{.devices = 2, .layout = Layout::kRandom, .replicas = 2, .zero = zero}}) {
        if (model == std::string("gpt-1m") && (zero == 2 || placement.devices == 2)) continue;  // each takes its time
        CAPTURE(model, zero, placement.devices, placement.replicas);
        const std::vector<double> losses = losses_with_collectives(subject.training, placement);
        const std::vector<double> expected = train_steps(subject.training, placement).losses;
        // From level 2 on sums of one microbatch of each member are added up, not microbatch by microbatch.
        if (zero < 2) CHECK(losses == expected);
        REQUIRE(losses.size() == expected.size());
        for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(1e-5));
      }
    }
  }
}
