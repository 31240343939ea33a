// Which ways to use the devices are tried: replicas that do not divide, levels of ZeRO.
#include "partition/search/pipeline_forms.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/program/program.hpp"
#include "partition/search/step_search.hpp"
#include "tests/partition/search/models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::partition;
using mp::partition::test::chain_model;

namespace {

std::vector<DeviceId> devices(int count) {
  std::vector<DeviceId> all;
  for (int d = 0; d < count; ++d) all.push_back(make_id<DeviceId>(d));
  return all;
}

std::vector<std::size_t> widths(const PipelineForm& form) {
  std::vector<std::size_t> sizes;
  for (const ReplicaGroup& group : form.devices) sizes.push_back(group.size());
  return sizes;
}

bool has_widths(const std::vector<PipelineForm>& forms, const std::vector<std::size_t>& wanted) {
  return std::any_of(forms.begin(), forms.end(), [&](const PipelineForm& form) { return widths(form) == wanted; });
}

}  // namespace

TEST_CASE("all devices work where they do not divide: some stages have a replica more", "[search][forms]") {
  const std::vector<PipelineForm> forms = pipeline_forms(devices(5), 8, 10, {.replicas = true, .most_zero = 1});
  CHECK(has_widths(forms, {3, 2}));
  CHECK(has_widths(forms, {2, 3}));
  CHECK(has_widths(forms, {2, 2, 1}));
  CHECK(has_widths(forms, {1, 2, 2}));
  for (const PipelineForm& form : forms) {
    std::set<DeviceId> used;
    for (const ReplicaGroup& group : form.devices) {
      for (const DeviceId d : group) CHECK(used.insert(d).second);
    }
    if (form.fewest_members() < form.devices.front().size()) CHECK(form.chunks == 1);
  }
  // With one microbatch a second replica has nothing to do; without replicas nor is there one.
  CHECK_FALSE(has_widths(pipeline_forms(devices(3), 1, 10, {.replicas = true}), {2, 1}));
  CHECK_FALSE(has_widths(pipeline_forms(devices(3), 8, 10, {.replicas = false}), {2, 1}));
}

TEST_CASE("all levels of ZeRO are tried, as far as the space allows", "[search][forms]") {
  for (const std::int32_t most : {0, 1, 2, 3}) {
    std::set<std::int32_t> levels;
    for (const PipelineForm& form : pipeline_forms(devices(4), 8, 10, {.replicas = true, .most_zero = most})) {
      levels.insert(form.zero);
    }
    std::set<std::int32_t> wanted;
    for (std::int32_t level = 0; level <= most; ++level) wanted.insert(level);
    CHECK(levels == wanted);
  }
}

TEST_CASE("plans with ZeRO 3 are sound programs within their memory", "[search][forms]") {
  const Model model = chain_model(6, 64);
  StepSearchOptions options;
  options.portfolio.algorithms = {"linear+kl"};
  options.portfolio.effort = Effort::kFast;
  options.space = {.replicas = true, .recompute = false, .most_zero = 3};
  bool sharded = false;
  for (const std::int64_t memory_bytes : {0, 400'000, 300'000, 240'000, 200'000, 170'000}) {
    Cluster cluster = uniform_cluster(3);
    cluster.types[0].memory_bytes = memory_bytes;
    cluster.within_host = {.latency_s = 1e-9, .bandwidth_bytes_per_s = 1e15};
    StepSearch found;
    try {
      found = search_step_time(model, "test", {}, cluster, options);
    } catch (const InfeasibleError&) {
      break;
    }
    for (const JudgedPlan& judged : found.plans) {
      const StepPlan& plan = judged.plan;
      sharded = sharded || plan.zero == 3;
      if (!judged.fits() || plan.replicas.empty()) continue;
      const Program program = compile(
          training_graph_of(model, {.bindings = {}, .microbatches = plan.microbatches, .optimizer = {}}, "test"),
          plan.placement,
          {.schedule = plan.schedule, .devices = 3, .cluster = &cluster, .replicas = plan.replicas, .zero = plan.zero});
      CHECK(check_program(program) == std::vector<std::string>{});
      for (const DeviceId d : ids<DeviceId>(3)) {
        CHECK((memory_bytes == 0 || program.devices[d].arena_bytes <= memory_bytes));
      }
    }
  }
  CHECK(sharded);
}

TEST_CASE("the estimate of a stage's memory saves with each level of ZeRO what the program saves", "[search][forms]") {
  const Model model = chain_model(12, 64);
  const Cluster unlimited = [] {
    Cluster cluster = uniform_cluster(2);
    cluster.within_host = {.latency_s = 1e-9, .bandwidth_bytes_per_s = 1e12};
    return cluster;
  }();
  const std::int32_t microbatches = 16;
  const TrainingGraph training =
      training_graph_of(model, {.bindings = {}, .microbatches = microbatches, .optimizer = {}}, "test");
  const ModelChain chain(training, placement_units(training), unlimited,
                         units_in_model_order(placement_units(training)));
  std::vector<std::int64_t> promised;
  std::vector<std::int64_t> estimated;
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    const Program program =
        compile(training, Placement(static_cast<std::size_t>(training.forward_nodes), DeviceId{0}),
                {.devices = 2, .cluster = &unlimited, .replicas = {{DeviceId{0}, DeviceId{1}}}, .zero = zero});
    promised.push_back(std::max(program.devices[DeviceId{0}].arena_bytes, program.devices[DeviceId{1}].arena_bytes));
    const PipelineForm form{.devices = {{DeviceId{0}, DeviceId{1}}}, .microbatches = microbatches, .zero = zero};
    estimated.push_back(stage_memory_bytes(chain, form, 0, chain.size(), 0));
  }
  CAPTURE(promised, estimated);
  for (std::size_t level = 1; level < promised.size(); ++level) {
    // What the estimate says a level saves, it saves, but for a weight or two under way.
    const auto saved = static_cast<double>(promised[level - 1] - promised[level]);
    CHECK(static_cast<double>(estimated[level - 1] - estimated[level]) == Approx(saved).margin(3 * 64 * 64 * 4));
    CHECK(saved > 64 * 64 * 4);
  }
}
