// Making activations again changes no bit of what is trained.
#include <string>

#include "lib/training/recompute.hpp"
#include "lib/training/recompute_choice.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

TEST_CASE("recomputation has the bits of training without it", "[parallel]") {
  const std::string model = GENERATE("mlp", "convnet", "gpt-1m");
  const Subject subject = load(model, 4, 2, {.kind = OptimizerKind::kAdamW});
  const Outcome kept = train_steps(subject.training, {});
  for (const std::int32_t devices : {1, 3}) {
    const Program split = program_of(subject.training, {.devices = devices});
    for (const RecomputePattern pattern : {RecomputePattern::kBlocks, RecomputePattern::kAll}) {
      CAPTURE(model, devices, name_of(pattern));
      const std::vector<NodeId> nodes = nodes_to_recompute(subject.training, split.placement, pattern);
      const TrainingGraph again = recompute(subject.training, split.placement, nodes);
      REQUIRE(again.graph.nodes().size() > subject.training.graph.nodes().size());
      CHECK((train_steps(again, {.devices = devices}) == kept));
    }
  }
}
