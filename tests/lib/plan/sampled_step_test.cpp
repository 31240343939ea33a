// A part of a step against the whole of it.
#include "lib/plan/sampled_step.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "lib/program/policy.hpp"
#include "lib/program/replication.hpp"
#include "lib/program/tasks.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/lib/support/stage_chain.hpp"
#include "tests/support/catch.hpp"

using mp::SampledStep;
using mp::Schedule;
using mp::StepSample;

namespace {

constexpr std::int32_t kStages = 4;
constexpr std::int32_t kReplicas = 2;
constexpr std::int32_t kMicrobatches = 32;

// A stack of equal layers on four stages, twice; stage s of replica r is device 4 r + s. With a quarter of the layers,
// or two eighths, on a device.
struct ReplicatedPipeline {
  mp::TrainingGraph training;
  mp::PlacementUnits units;
  mp::Placement placement;
  mp::Cluster cluster = mp::uniform_cluster(kStages * kReplicas);
  mp::CompileOptions options;

  explicit ReplicatedPipeline(Schedule schedule, std::int32_t zero = 0) {
    const mp::Graph forward = mp::test::transformer_like(8, 64);
    training = differentiate(forward, {.optimizer = {}, .microbatches = kMicrobatches});
    units = placement_units(training);
    const std::int32_t pieces = schedule == Schedule::kInterleaved ? 2 * kStages : kStages;
    for (const mp::DeviceId piece : mp::test::contiguous_placement(forward, pieces)) {
      placement.push_back(mp::make_id<mp::DeviceId>(mp::index(piece) % kStages));
    }
    options = {.schedule = schedule, .devices = kStages * kReplicas, .cluster = &cluster, .zero = zero};
    for (std::int32_t s = 0; s < kStages; ++s) {
      options.replicas.push_back({mp::make_id<mp::DeviceId>(s), mp::make_id<mp::DeviceId>(kStages + s)});
    }
  }

  [[nodiscard]] SampledStep step(const StepSample& sample) const {
    return sample_step(training, units, placement, options, cluster, sample);
  }
};

constexpr StepSample kPart{
    .replicas = kReplicas, .microbatches = kMicrobatches / kReplicas, .fewer = kStages, .more = 2 * kStages};

}  // namespace

TEST_CASE("a part of a step tells its time, memory and traffic", "[plan][sample]") {
  const Schedule schedule =
      GENERATE(Schedule::kGpipe, Schedule::k1f1b, Schedule::kInterleaved, Schedule::kZeroBubble);
  const ReplicatedPipeline pipeline(schedule);
  const SampledStep whole = pipeline.step({.microbatches = kMicrobatches});
  const SampledStep part = pipeline.step(kPart);
  INFO("schedule " << name_of(schedule));
  CHECK(part.instructions < whole.instructions / 2);
  CHECK(part.simulation.step_time_s == Approx(whole.simulation.step_time_s).epsilon(0.03));
  CHECK(part.prediction.step_time_s == part.simulation.step_time_s);
  CHECK(part.prediction.cut_bytes == whole.prediction.cut_bytes);
  for (std::size_t d = 0; d < whole.simulation.devices.size(); ++d) {
    const mp::DeviceTimes& of_whole = whole.simulation.devices[d];
    const mp::DeviceTimes& of_part = part.simulation.devices[d];
    CHECK(of_part.busy_s == Approx(of_whole.busy_s).epsilon(0.05));
    CHECK(static_cast<double>(of_part.peak_memory_bytes) ==
          Approx(static_cast<double>(of_whole.peak_memory_bytes)).epsilon(0.12));
    CHECK(part.prediction.devices[d].memory_bytes == of_part.peak_memory_bytes);
    CHECK(part.prediction.devices[d].nodes == whole.prediction.devices[d].nodes);
  }
}

TEST_CASE("each level of ZeRO saves in a part of a step what it saves in the whole", "[plan][sample]") {
  std::int64_t before_part = 0;
  std::int64_t before_whole = 0;
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    const ReplicatedPipeline pipeline(Schedule::k1f1b, zero);
    const std::int64_t whole = pipeline.step({.microbatches = kMicrobatches}).simulation.devices[1].peak_memory_bytes;
    const std::int64_t part = pipeline.step(kPart).simulation.devices[1].peak_memory_bytes;
    INFO("ZeRO " << zero << ": whole " << whole << ", part " << part);
    if (zero > 0) {
      CHECK(part <= before_part);
      CHECK(whole <= before_whole);
      CHECK((zero == 3 || (part < before_part && whole < before_whole)));  // fetched parameters are as much here
    }
    CHECK(static_cast<double>(part) == Approx(static_cast<double>(whole)).epsilon(0.15));
    before_part = part;
    before_whole = whole;
  }
}

TEST_CASE("small steps are simulated whole, large ones in parts", "[plan][sample]") {
  ReplicatedPipeline pipeline(Schedule::k1f1b);
  CHECK(sample_of(pipeline.training, pipeline.placement, pipeline.options).is_whole());
  pipeline.training.microbatches = 1 << 16;
  const StepSample part = sample_of(pipeline.training, pipeline.placement, pipeline.options);
  CHECK(part == StepSample{.replicas = 2, .microbatches = 1 << 15, .fewer = 4, .more = 6});
  pipeline.options.replicas.pop_back();
  CHECK(sample_of(pipeline.training, pipeline.placement, pipeline.options).is_whole());  // some stages are wider
}

TEST_CASE("replicas of an interleaved pipeline take as long as one with their microbatches", "[plan][sample]") {
  constexpr std::int32_t kOwn = 7;  // microbatches of each, in one group that is larger than the policy's for all
  const Schedule schedule = GENERATE(Schedule::kInterleaved, Schedule::kZeroBubble);
  const mp::test::StageChain chain{.devices = kStages, .stages_per_device = 3, .weight_gradient = 1};
  const std::vector<mp::Segment> segments = segments_of(chain);
  const std::vector<mp::TimedTask> alone = run(chain, schedule, kOwn);
  std::vector<mp::ReplicaGroup> groups;
  for (std::int32_t s = 0; s < kStages; ++s) {
    groups.push_back({mp::make_id<mp::DeviceId>(s), mp::make_id<mp::DeviceId>(kStages + s)});
  }
  const mp::Replication replication(groups, kReplicas * kStages);
  const mp::SchedulePolicy policy = make_policy(schedule, segments, kReplicas * kStages, kReplicas * kOwn);
  const std::vector<mp::TimedTask> both =
      timed_schedule(segments, durations_of(chain), policy, kReplicas * kOwn, &replication);
  CHECK(both.back().end == alone.back().end);
}
