// Executors of several ranks: the results of one process, known on every rank.
#include <array>
#include <mutex>
#include <vector>

#include "tests/runtime/support/rank_threads.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using runtime::test::on_rank_threads;

namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::int64_t kSteps = 3;

// What one rank knows at the end.
struct Known {
  std::vector<double> losses;
  std::vector<std::vector<std::byte>> parameters;
  std::vector<std::int64_t> workspace_bytes;
  friend bool operator==(const Known&, const Known&) = default;
};

Known run(const TrainingGraph& training, const runtime::test::PlacementCase& placement, RankGroup* ranks) {
  Executor executor(runtime::test::program_of(training, placement), runtime::test::cpu_backends(1), ranks);
  const TrainingData data = runtime::test::data_of(training, kSeed);
  executor.initialise_parameters(kSeed);
  Known known;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    known.losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.01}, *data.training));
  }
  for (const GraphParameter& parameter : training.graph.parameters()) {
    const auto size = static_cast<std::size_t>(bytes(training.graph.tensor(parameter.tensor).type));
    std::vector<std::byte> values(size);
    executor.read(parameter.tensor, values);
    known.parameters.push_back(std::move(values));
  }
  for (const DeviceMemoryUse& use : executor.memory()) known.workspace_bytes.push_back(use.workspace_bytes);
  return known;
}

}  // namespace

TEST_CASE("every rank knows the losses, parameters and memory of the whole run, as one process does") {
  const runtime::test::Subject subject = runtime::test::load("mlp", 8, 4, {.kind = OptimizerKind::kSgd});
  const std::array<runtime::test::PlacementCase, 2> placements = {{
      {.devices = 3, .layout = runtime::test::Layout::kRandom},
      {.devices = 2, .replicas = 2, .zero = 2},
  }};
  for (const runtime::test::PlacementCase& placement : placements) {
    const Known wanted = run(subject.training, placement, nullptr);
    const auto devices = static_cast<std::size_t>(placement.devices * placement.replicas);
    for (const int size : {2, 3}) {
      std::vector<Known> known(static_cast<std::size_t>(size));
      on_rank_threads({.ranks = size}, [&](RankGroup& ranks) {
        ranks.share_devices(devices);
        known[static_cast<std::size_t>(ranks.rank())] = run(subject.training, placement, &ranks);
      });
      for (const Known& rank : known) {
        CHECK(rank.losses == wanted.losses);
        CHECK(rank.parameters == wanted.parameters);
        CHECK(rank.workspace_bytes.size() == devices);
      }
    }
  }
}
