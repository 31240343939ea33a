// The largest load: pipelines and free placements against brute force, bounds against optima.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/contiguous.hpp"
#include "partition/max_load/free_placement.hpp"
#include "partition/max_load/load_annealing.hpp"
#include "partition/max_load/load_bound.hpp"
#include "partition/max_load/load_nets.hpp"
#include "partition/max_load/load_state.hpp"
#include "partition/max_load/reduce.hpp"
#include "partition/max_load/work_bound.hpp"
#include "tests/partition/max_load/problems.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {

TEST_CASE("a device sends each tensor once and receives each once; devices in host memory pay nothing", "[max-load]") {
  LoadProblem problem;
  problem.classes = {{.memory_bytes = 10, .pays_transfers = true}, {.memory_bytes = 0, .pays_transfers = false}};
  problem.class_of = {0, 0, 1};
  problem.seconds = {{1, 2, 4, 8}, {10, 20, 40, 80}};
  problem.bytes = {6, 5, 1, 1};
  problem.tensors = {{.producer = 0, .readers = {1, 2, 3}, .transfer_s = 0.5},
                     {.producer = 3, .readers = {0}, .transfer_s = 0.25}};
  const std::vector<DeviceLoad> loads = loads_of(problem, {0, 1, 1, 2});
  CHECK(loads[0].seconds() == 1 + 0.5 + 0.25);
  CHECK(loads[1].seconds() == 2 + 4 + 0.5);
  CHECK(loads[2].seconds() == 80);
  CHECK(max_load(problem, {0, 1, 1, 2}) == 80);
  CHECK(std::isinf(max_load(problem, {0, 0, 1, 1})));  // 11 bytes on a device of 10
}

TEST_CASE("the best pipeline is the one that trying all finds", "[max-load]") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const LoadProblem problem = random_problem(seed, 3 + seed % 5, seed % 3 == 0);
    const Optima best = brute_force(problem);
    const ContiguousResult found = best_contiguous(problem);
    INFO("seed " << seed);
    REQUIRE(found.complete);
    REQUIRE(found.placement.has_value() == std::isfinite(best.pipeline));
    if (!found.placement) continue;
    REQUIRE(found.seconds == Approx(best.pipeline).epsilon(1e-9));
    REQUIRE(max_load(problem, *found.placement) == found.seconds);
    REQUIRE(is_pipeline(problem, *found.placement));
    REQUIRE(found.lower_bound_s == found.seconds);
  }
}

TEST_CASE("free placements reach what trying all finds, and bounds never pass it", "[max-load]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const LoadProblem problem = random_problem(1000 + seed, 3 + seed % 5, seed % 3 == 0);
    const Optima best = brute_force(problem);
    INFO("seed " << seed);
    if (std::isinf(best.free)) continue;
    REQUIRE(WorkBound(problem).seconds() <= best.free * (1 + 1e-9));
    const double bound = load_lower_bound(problem, best.free);
    REQUIRE(bound <= best.free);
    REQUIRE(bound >= best.free * (1 - 2e-5) - 1e-9);  // so few units are tried on all devices
    for (const std::int32_t columns : {0, 100}) {
      REQUIRE_FALSE(refutes_load_below(problem, best.free * (1 + 1e-6) + 1e-9, {.columns = columns}));
    }
    const FreePlacementResult found =
        best_free_placement(problem, {.steps = 40'000, .start = best_contiguous(problem).placement});
    if (found.placement) REQUIRE(found.seconds == Approx(best.free).epsilon(1e-9));
    REQUIRE((found.placement.has_value() || seed % 3 == 0));  // packing alone may fail where memory is tight
  }
}

TEST_CASE("loads kept up to date are the loads counted anew", "[max-load]") {
  const LoadProblem problem = random_problem(7, 12, false);
  RandomSource random(3);
  LoadState state(problem, LoadPlacement(problem.units(), 1));
  for (int i = 0; i < 500; ++i) {
    const auto unit = static_cast<std::int32_t>(random.below(problem.units()));
    const auto device = static_cast<std::int32_t>(random.below(problem.devices()));
    if (!state.may_move(unit, device)) continue;
    if (device != state.device_of(unit)) {
      const LoadState::Change predicted = state.change(unit, device);
      REQUIRE(state.move(unit, device) == predicted);
    }
    const std::vector<DeviceLoad> loads = loads_of(problem, state.placement());
    for (std::size_t d = 0; d < loads.size(); ++d) {
      REQUIRE(static_cast<double>(state.ticks()[d]) * state.seconds_per_tick() ==
              Approx(loads[d].seconds()).margin(1e-9));
    }
  }
}

TEST_CASE("weightless units are absorbed without a change of the optimum", "[max-load]") {
  std::size_t absorbed = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    const LoadProblem problem = random_problem(2000 + seed, 6, false);
    const Optima best = brute_force(problem);
    const Reduction ordered = absorb_weightless(problem, true);
    const Reduction loose = absorb_weightless(problem, false);
    INFO("seed " << seed);
    REQUIRE(brute_force(ordered.problem).pipeline == best.pipeline);
    REQUIRE(brute_force(loose.problem).free == best.free);
    absorbed += problem.units() - ordered.problem.units() + problem.units() - loose.problem.units();
  }
  CHECK(absorbed > 20);
}

TEST_CASE("tensors of the same units are one net, whoever makes them", "[max-load]") {
  LoadProblem problem;
  problem.bytes.assign(4, 0);
  problem.tensors = {{.producer = 0, .readers = {3, 1}, .transfer_s = 0.5},
                     {.producer = 1, .readers = {0}, .transfer_s = 0.25},
                     {.producer = 3, .readers = {0, 1}, .transfer_s = 1.0},
                     {.producer = 2, .readers = {}, .transfer_s = 1.0},
                     {.producer = 2, .readers = {3}, .transfer_s = 0.0}};
  CHECK(load_nets(problem) ==
        std::vector<LoadNet>{{.units = {0, 1}, .transfer_s = 0.25}, {.units = {0, 1, 3}, .transfer_s = 1.5}});
}

// A chain whose tensors cost about as much as a small unit: good placements own several pieces of it, filled to the
// brim with work.
LoadProblem random_chain(std::uint64_t seed, std::size_t units, std::size_t devices) {
  RandomSource random(seed);
  LoadProblem problem;
  problem.classes = {{}};
  problem.class_of.assign(devices, 0);
  problem.seconds.resize(1);
  problem.bytes.assign(units, 0);
  for (std::size_t u = 0; u < units; ++u) {
    problem.seconds[0].push_back(static_cast<double>(1 + random.below(100)));
    if (u == 0) continue;
    problem.tensors.push_back({.producer = static_cast<std::int32_t>(u - 1),
                               .readers = {static_cast<std::int32_t>(u)},
                               .transfer_s = static_cast<double>(1 + random.below(8))});
  }
  return problem;
}

TEST_CASE("annealing fills devices with few cuts", "[max-load][quality]") {
  constexpr int kChains = 6;
  double ratio = 0.0;
  for (std::uint64_t seed = 0; seed < kChains; ++seed) {
    const LoadProblem problem = random_chain(seed, 150, 5);
    LoadPlacement start(problem.units());
    for (std::size_t u = 0; u < start.size(); ++u) start[u] = static_cast<std::int32_t>(u % problem.devices());
    const LoadAnnealingResult found = anneal_load(problem, start, {.seed = seed, .steps = 300'000});
    ratio += found.seconds / WorkBound(problem).seconds() / kChains;
  }
  CHECK(ratio < 1.015);  // 1.0204 without trades
}

TEST_CASE("the same seed gives the same placement", "[max-load]") {
  const LoadProblem problem = random_problem(5, 20, false);
  const auto once = best_free_placement(problem, {.seed = 9, .steps = 50'000});
  CHECK(once.placement == best_free_placement(problem, {.seed = 9, .steps = 50'000}).placement);
}

}  // namespace mp::partition
