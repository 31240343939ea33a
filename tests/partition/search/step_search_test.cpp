#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/program/simulate.hpp"
#include "lib/training/recompute.hpp"
#include "partition/model/partition_model.hpp"
#include "partition/search/step_search.hpp"
#include "tests/partition/search/models.hpp"
#include "tests/support/catch.hpp"

namespace {

using mp::partition::JudgedPlan;
using mp::partition::StepSearch;
using mp::partition::StepSearchOptions;
using mp::partition::test::chain_model;
using mp::partition::test::mixed_cluster;
using mp::partition::test::random_model;

// Replicas, too, but nothing recomputed.
StepSearchOptions quick() {
  StepSearchOptions options = mp::partition::test::quick();
  options.space = {.replicas = true, .recompute = false, .most_zero = 1};
  return options;
}

mp::Program program_of(const mp::Model& model, const mp::Cluster& cluster, const mp::partition::StepPlan& plan) {
  mp::TrainingGraph training =
      training_graph_of(model, {.bindings = {}, .microbatches = plan.microbatches, .optimizer = {}}, "test");
  if (!plan.recompute.empty()) training = recompute(training, plan.placement, plan.recompute);
  return compile(std::move(training), plan.placement,
                 {.schedule = plan.schedule,
                  .alive_limit = plan.alive_limit,
                  .devices = static_cast<std::int32_t>(cluster.devices.size()),
                  .cluster = &cluster,
                  .replicas = plan.replicas,
                  .zero = plan.zero});
}

}  // namespace

TEST_CASE("every plan of the search is a sound program that takes the time it says and no less than the bound",
          "[search]") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto devices = static_cast<int>(seed);
    const mp::Model model = random_model(seed, 12);
    const mp::Cluster cluster = seed % 2 == 0 ? mixed_cluster(devices, 0) : mp::uniform_cluster(devices);
    const StepSearch found = search_step_time(model, "test", {}, cluster, quick());
    INFO("seed " << seed);
    REQUIRE(!found.plans.empty());
    for (const JudgedPlan& judged : found.plans) {
      const mp::Program program = program_of(model, cluster, judged.plan);
      CHECK(check_program(program) == std::vector<std::string>{});
      CHECK(simulate(program, cluster).step_time_s == judged.prediction.step_time_s);
      CHECK(judged.prediction.step_time_s >= found.lower_bound_s);
      CHECK(judged.prediction.step_time_s >= found.plans.front().prediction.step_time_s);
    }
  }
}

TEST_CASE("no single device and no cut of the same options is faster than the plan found", "[search]") {
  for (std::uint64_t seed = 11; seed <= 14; ++seed) {
    const mp::Model model = random_model(seed, 14);
    const mp::Cluster cluster = mixed_cluster(4, 0);
    const StepSearchOptions options = quick();
    const double found_s = search_step_time(model, "test", {}, cluster, options).plans.front().prediction.step_time_s;
    const mp::TrainingGraph training = training_graph_of(model, {}, "test");
    const auto cut =
        mp::partition::partition_model(training, placement_units(training), cluster, {.portfolio = options.portfolio});
    std::vector<mp::Placement> others{cut.candidates[cut.chosen].placement};
    for (const mp::DeviceId d : {mp::DeviceId{0}, mp::DeviceId{1}}) {
      others.emplace_back(static_cast<std::size_t>(training.forward_nodes), d);
    }
    for (const mp::Placement& placement : others) {
      const mp::Program program = compile(training, placement, {.devices = 4, .cluster = &cluster});
      CHECK(found_s <= simulate(program, cluster).step_time_s);
    }
  }
}

TEST_CASE("one device is optimal by itself, and said to be", "[search]") {
  const StepSearch found = search_step_time(random_model(3, 10), "test", {}, mp::uniform_cluster(1), quick());
  CHECK(found.plans.front().plan.microbatches == 1);
  CHECK(found.plans.front().prediction.step_time_s == Approx(found.lower_bound_s));
  CHECK(found.optimal);
}

TEST_CASE("where memory binds, fewer microbatches are alive at once", "[search]") {
  const mp::Model model = chain_model(12, 8);
  mp::Cluster cluster = mp::uniform_cluster(4);
  StepSearchOptions options = quick();
  options.microbatches = 8;
  options.space = {.replicas = false, .recompute = false, .most_zero = 0};
  const auto most_bytes = [](const JudgedPlan& judged) {
    std::int64_t most = 0;
    for (const mp::DevicePrediction& device : judged.prediction.devices) most = std::max(most, device.memory_bytes);
    return most;
  };
  std::vector<std::int64_t> needed;
  for (const std::int32_t alive : {1, 8}) {  // a quarter of the chain on each device, all pieces alike
    mp::Placement placement;
    for (int node = 0; node < 25; ++node)
      placement.push_back(mp::make_id<mp::DeviceId>(static_cast<std::size_t>(std::min(3, node / 6))));
    mp::partition::StepJudge judge(model, "test", {}, cluster);
    needed.push_back(
        most_bytes(judge.judge({.algorithm = "", .microbatches = 8, .placement = placement, .alive_limit = alive})));
  }
  REQUIRE(needed[0] < needed[1]);
  cluster.types[0].memory_bytes = needed[0];
  const JudgedPlan found = search_step_time(model, "test", {}, cluster, options).plans.front();
  CHECK(found.fits());
  CHECK(found.plan.alive_limit > 0);
  const mp::Program program = program_of(model, cluster, found.plan);
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(simulate(program, cluster).step_time_s == found.prediction.step_time_s);
}

TEST_CASE("the same options give the same plans", "[search]") {
  const mp::Model model = random_model(5, 16);
  const mp::Cluster cluster = mixed_cluster(3, 0);
  const StepSearch first = search_step_time(model, "test", {}, cluster, quick());
  const StepSearch second = search_step_time(model, "test", {}, cluster, quick());
  REQUIRE(first.plans.size() == second.plans.size());
  for (std::size_t i = 0; i < first.plans.size(); ++i) CHECK(first.plans[i].plan == second.plans[i].plan);
}

TEST_CASE("a chain of heavy layers over equal devices becomes a balanced pipeline near the closed form", "[search]") {
  mp::Cluster cluster = mp::uniform_cluster(4);
  cluster.types[0].flops_per_s = {{mp::DataType::kFloat32, 1e8}};  // compute counts, transfers hardly
  const mp::Model model = chain_model(16, 64);
  StepSearchOptions options = quick();
  options.microbatches = 8;
  const StepSearch found = search_step_time(model, "test", {}, cluster, options);
  const double alone_s = [&] {
    const mp::Program program = program_of(
        model, cluster, {.algorithm = "", .microbatches = 8, .placement = mp::Placement(33, mp::DeviceId{0})});
    return simulate(program, cluster).step_time_s;
  }();
  // (m + p − 1) / (m · p) of one device's time.
  CHECK(found.plans.front().prediction.step_time_s < alone_s * 11.0 / 32.0 * 1.05);
  CHECK(found.plans.front().prediction.step_time_s > found.lower_bound_s);
}

TEST_CASE("microbatches and schedule asked for are kept, pinned nodes stay", "[search]") {
  mp::Model model = random_model(9, 12);
  model.nodes[4].device = 1;
  StepSearchOptions options = quick();
  options.microbatches = 4;
  options.schedule = mp::Schedule::kGpipe;
  const StepSearch found = search_step_time(model, "test", {}, mp::uniform_cluster(3), options);
  const mp::Graph graph = microbatch_graph(model, {.bindings = {}, .microbatches = 4, .optimizer = {}}, "test");
  for (const JudgedPlan& judged : found.plans) {
    CHECK(judged.plan.microbatches == 4);
    CHECK(judged.plan.schedule == mp::Schedule::kGpipe);
    CHECK(judged.plan.placement[graph.find_node(model.nodes[4].name).value()] == mp::DeviceId{1});
  }
}

TEST_CASE("plans keep the memory of their devices, or nothing is said to fit", "[search]") {
  const mp::Model model = chain_model(8, 64);
  const std::int64_t needed = [&] {
    const StepSearch alone = search_step_time(model, "test", {}, mp::uniform_cluster(1), quick());
    return alone.plans.back().prediction.devices[0].memory_bytes;
  }();
  const mp::Cluster half = mixed_cluster(4, needed / 2);
  for (const JudgedPlan& judged : search_step_time(model, "test", {}, half, quick()).plans) {
    for (const mp::DeviceId d : mp::ids<mp::DeviceId>(4)) {
      CHECK(judged.prediction.devices[mp::index(d)].memory_bytes <= half.type_of(d).memory_bytes);
    }
  }
}

TEST_CASE("where nothing fits, the smallest changes are told, and they do fit", "[search]") {
  const mp::Model model = chain_model(8, 64);
  mp::Cluster small = mixed_cluster(2, 150'000);
  std::string told;
  try {
    static_cast<void>(search_step_time(model, "test", {}, small, quick()));
  } catch (const mp::InfeasibleError& error) {
    told = error.what();
  }
  INFO(told);
  REQUIRE(told.find("no plan fits the memory of the devices") == 0);
  const std::size_t at = told.find(" devices instead of 2");
  REQUIRE(at != std::string::npos);
  const std::size_t begin = told.rfind(' ', at - 1) + 1;
  const int enough = std::stoi(told.substr(begin, at - begin));
  CHECK(enough > 2);
  CHECK(search_step_time(model, "test", {}, mixed_cluster(enough + 1, 150'000), quick()).plans.front().fits());
}

TEST_CASE("recomputation is chosen where memory is short, and the program is sound", "[search]") {
  mp::Model model = chain_model(24, 32);
  model.dimensions["batch"] = 1024;  // activations count more than parameters
  StepSearchOptions options = quick();
  options.space.recompute = true;
  options.microbatches = 1;
  const StepSearch free = search_step_time(model, "test", {}, mp::uniform_cluster(2), options);
  mp::Cluster tight = mp::uniform_cluster(2);
  std::int64_t least = 0;
  for (const mp::DevicePrediction& device : free.plans.front().prediction.devices) {
    least = std::max(least, device.memory_bytes);
  }
  bool recomputed = false;
  for (int round = 0; round < 12 && !recomputed; ++round) {
    tight.types[0].memory_bytes = least;
    least = least * 9 / 10;
    StepSearch found;
    try {
      found = search_step_time(model, "test", {}, tight, options);
    } catch (const mp::InfeasibleError&) {
      break;
    }
    for (const JudgedPlan& judged : found.plans) {
      CHECK(judged.fits());
      CHECK(check_program(program_of(model, tight, judged.plan)) == std::vector<std::string>{});
      recomputed = recomputed || !judged.plan.recompute.empty();
    }
  }
  CHECK(recomputed);
}

TEST_CASE("hundreds of devices carry a replicated pipeline within their memory", "[search]") {
  const mp::Model model = chain_model(32, 256);
  mp::Cluster cluster = mp::uniform_cluster(256);
  for (const mp::DeviceId d : mp::ids<mp::DeviceId>(256)) {
    cluster.devices[d].host = static_cast<std::int32_t>(mp::index(d)) / 8;
  }
  cluster.between_hosts = {.latency_s = 1e-5, .bandwidth_bytes_per_s = 1e9};
  cluster.types[0].memory_bytes = 4'000'000;  // a quarter of the parameters with their gradients and states
  StepSearchOptions options = quick();
  options.space = {.replicas = true, .recompute = true, .most_zero = 1};
  const mp::StepShape shape{.bindings = {{"batch", 1 << 14}}, .microbatches = 1, .optimizer = {}};
  const StepSearch found = search_step_time(model, "test", shape, cluster, options);
  const JudgedPlan& best = found.plans.front();
  CHECK(best.prediction.step_time_s >= found.lower_bound_s);
  REQUIRE(!best.plan.replicas.empty());
  std::set<mp::DeviceId> used;
  for (const mp::ReplicaGroup& group : best.plan.replicas) {
    CHECK(group.size() == best.plan.replicas.front().size());
    for (const mp::DeviceId d : group) CHECK(used.insert(d).second);
  }
  for (const mp::DevicePrediction& device : best.prediction.devices) CHECK(device.memory_bytes <= 4'000'000);
}
