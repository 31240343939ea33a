// Groups of units: what may be merged, and placements that only moves of groups find.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/coarsen.hpp"
#include "partition/max_load/free_placement.hpp"
#include "partition/max_load/load_annealing.hpp"
#include "tests/partition/max_load/problems.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kLayers = 24;
constexpr std::int32_t kUnits = 16;  // of a layer
constexpr std::int32_t kDevices = 6;
constexpr double kHeavy_s = 3.0;  // of a tensor within a layer
constexpr double kLight_s = 0.1;  // from layer to layer

// Layers of units of a second each that many heavy tensors tie together: four layers make a device's share.
LoadProblem layers() {
  LoadProblem problem;
  problem.classes = {{}};
  problem.class_of.assign(kDevices, 0);
  problem.seconds = {std::vector<double>(kLayers * kUnits, 1.0)};
  problem.bytes.assign(kLayers * kUnits, 0);
  RandomSource random(1);
  for (std::int32_t unit = 0; unit + 1 < kLayers * kUnits; ++unit) {
    const bool is_last = unit % kUnits == kUnits - 1;
    problem.tensors.push_back({unit, {unit + 1}, is_last ? kLight_s : kHeavy_s});
    problem.order.emplace_back(unit, unit + 1);
    const std::int32_t later = unit + 1 + static_cast<std::int32_t>(random.below(kUnits));
    if (later / kUnits == unit / kUnits && later != unit + 1) problem.tensors.push_back({unit, {later}, kHeavy_s});
  }
  return problem;
}

// Layer after layer to device after device, and far too many to the first.
LoadPlacement skewed() {
  LoadPlacement placement;
  for (std::int32_t unit = 0; unit < kLayers * kUnits; ++unit) {
    placement.push_back(std::max(0, unit / kUnits - (kLayers - kDevices)));
  }
  return placement;
}

}  // namespace

TEST_CASE("groups keep to their share, leave fixed units alone and run where their units run", "[max-load]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    LoadProblem problem = random_problem(seed, 30, false);
    problem.fixed.assign(problem.units(), -1);
    problem.fixed[seed % problem.units()] = 1;
    const Reduction found = coarsen(problem, {.seed = seed, .share = 0.25});
    INFO("seed " << seed);
    REQUIRE(found.group_of.size() == problem.units());
    std::vector<std::size_t> members(found.problem.units(), 0);
    for (const std::int32_t group : found.group_of) ++members[static_cast<std::size_t>(group)];
    double all_s = 0.0;
    const auto least = [](const LoadProblem& p, std::size_t unit) {
      double seconds = p.seconds[0][unit];
      for (const auto& of_class : p.seconds) seconds = std::min(seconds, of_class[unit]);
      return seconds;
    };
    for (std::size_t unit = 0; unit < problem.units(); ++unit) all_s += least(problem, unit);
    for (std::size_t group = 0; group < members.size(); ++group) {
      REQUIRE(members[group] > 0);
      if (members[group] == 1) continue;
      REQUIRE(found.problem.fixed_device(group) < 0);
      REQUIRE(least(found.problem, group) <= 0.25 * all_s / static_cast<double>(problem.devices()) * (1.0 + 1e-9));
    }
    for (std::size_t unit = 0; unit < problem.units(); ++unit) {
      const auto group = static_cast<std::size_t>(found.group_of[unit]);
      for (std::size_t c = 0; c < problem.classes.size(); ++c) {
        REQUIRE(std::isfinite(problem.seconds[c][unit]) == std::isfinite(found.problem.seconds[c][group]));
      }
    }
  }
}

TEST_CASE("a tensor that thousands of units read brings none of them together", "[max-load]") {
  constexpr std::int32_t kReaders = 3000;
  LoadProblem problem;
  problem.classes = {{}};
  problem.class_of = {0, 0};
  problem.seconds = {std::vector<double>(kReaders + 1, 1.0)};
  problem.bytes.assign(kReaders + 1, 0);
  problem.tensors = {{0, {}, 1.0}, {1, {2}, 1.0}};
  for (std::int32_t unit = 1; unit <= kReaders; ++unit) problem.tensors[0].readers.push_back(unit);
  const Reduction found = coarsen(problem, {});
  CHECK(found.problem.units() == kReaders);  // but the two that share one of their own
  CHECK(found.group_of[1] == found.group_of[2]);
}

TEST_CASE("a placement of groups is one of their units, with the same loads", "[max-load]") {
  const LoadProblem problem = layers();
  const Reduction found = coarsen(problem, {.seed = 3});
  CHECK(found.problem.units() < problem.units() / 2);
  RandomSource random(5);
  LoadPlacement groups;
  for (std::size_t g = 0; g < found.problem.units(); ++g) {
    groups.push_back(static_cast<std::int32_t>(random.below(kDevices)));
  }
  const double seconds = max_load(problem, placement_of_members(groups, found.group_of));
  CHECK(seconds == Approx(max_load(found.problem, groups)).epsilon(1e-12));
}

TEST_CASE("whole layers are dealt out, which moves of single units do not find", "[max-load]") {
  const LoadProblem problem = layers();
  const double share_s = kLayers * kUnits / static_cast<double>(kDevices);
  const LoadAnnealingResult single = anneal_load(problem, skewed(), {.steps = 600'000});
  const FreePlacementResult found = best_free_placement(problem, {.steps = 4'000'000, .start = skewed()});
  INFO("single moves: " << single.seconds << " s, with groups: " << found.seconds << " s");
  CHECK(single.seconds > found.seconds);
  CHECK(found.seconds <= share_s + 8 * kLight_s * (1.0 + 1e-9));  // each layer sends and receives
}

}  // namespace mp::partition
