#include "lib/plan/sampled_step.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/plan/predict.hpp"
#include "lib/plan/replica_exchange.hpp"
#include "lib/program/compile_with_collectives.hpp"
#include "lib/program/replication.hpp"

namespace mp {
namespace {

// Of all groups, one device alone being a group of one; 0 where they differ.
std::int32_t common_size(const std::vector<ReplicaGroup>& replicas, const Placement& placement) {
  if (replicas.empty()) return 1;
  const std::size_t size = replicas.front().size();
  std::set<DeviceId> leaders;
  for (const ReplicaGroup& group : replicas) {
    if (group.size() != size) return 0;
    leaders.insert(group.front());
  }
  const bool all_lead = std::all_of(placement.begin(), placement.end(), [&](DeviceId d) { return leaders.contains(d); });
  return all_lead || size == 1 ? static_cast<std::int32_t>(size) : 0;
}

bool goes_in_groups(Schedule schedule) {
  return schedule == Schedule::kInterleaved || schedule == Schedule::kZeroBubble;
}

// As many microbatches as are under way in a pipeline that is full; of groups that go through it in turn, one group.
std::int32_t filling(const Placement& placement, const CompileOptions& options, std::int32_t microbatches) {
  const auto devices = static_cast<std::int32_t>(std::set<DeviceId>(placement.begin(), placement.end()).size());
  if (goes_in_groups(options.schedule)) {
    const std::int32_t groups = std::max(1, microbatches / devices);
    return (microbatches + groups - 1) / groups;
  }
  return options.alive_limit > 0 ? std::min(options.alive_limit, devices) : devices;
}

bool keeps_every_microbatch(const CompileOptions& options) {
  return options.schedule == Schedule::kGpipe && options.alive_limit == 0;
}

// The straight line through what two numbers of microbatches take, at a third.
class Line {
 public:
  explicit Line(const StepSample& sample)
      : steps_(static_cast<double>(sample.microbatches - sample.more) / (sample.more - sample.fewer)) {}

  [[nodiscard]] double at(double fewer, double more) const { return more + steps_ * (more - fewer); }
  [[nodiscard]] std::int64_t at(std::int64_t fewer, std::int64_t more) const {
    return std::llround(at(static_cast<double>(fewer), static_cast<double>(more)));
  }

 private:
  double steps_;
};

Simulation extended(const Simulation& fewer, Simulation more, const StepSample& sample, bool memory_grows) {
  const Line line(sample);
  more.step_time_s = line.at(fewer.step_time_s, more.step_time_s);
  double busy_s = 0.0;
  std::size_t working = 0;
  for (std::size_t d = 0; d < more.devices.size(); ++d) {
    DeviceTimes& times = more.devices[d];
    const DeviceTimes& before = fewer.devices[d];
    times.busy_s = line.at(before.busy_s, times.busy_s);
    times.communication_s = std::max(0.0, line.at(before.communication_s, times.communication_s));
    times.idle_s = std::max(0.0, more.step_time_s - times.busy_s - times.communication_s);
    if (memory_grows) times.peak_memory_bytes = line.at(before.peak_memory_bytes, times.peak_memory_bytes);
    busy_s += times.busy_s;
    if (times.busy_s > 0.0) ++working;
  }
  MP_CHECK(fewer.links.size() == more.links.size());
  for (std::size_t l = 0; l < more.links.size(); ++l) {
    more.links[l].bytes = line.at(fewer.links[l].bytes, more.links[l].bytes);
  }
  more.bubble_fraction = 1.0 - busy_s / (static_cast<double>(working) * more.step_time_s);
  return more;
}

// Each link of the leaders, once for each of the members.
std::vector<LinkTraffic> links_of_all(const std::vector<LinkTraffic>& leaders, const Replication& replication,
                                      const std::vector<ReplicaGroup>& replicas,
                                      const std::vector<ReplicaExchange>& exchanges) {
  std::map<std::pair<DeviceId, DeviceId>, std::int64_t> bytes;
  for (const LinkTraffic& link : leaders) {
    for (std::int32_t m = 0; m < replication.size(link.from); ++m) {
      bytes[{replication.member(link.from, m), replication.member(link.to, m)}] += link.bytes;
    }
  }
  for (std::size_t g = 0; g < replicas.size(); ++g) {
    const ReplicaGroup& group = replicas[g];
    if (exchanges[g].bytes == 0) continue;
    for (std::size_t m = 0; m < group.size(); ++m) {
      bytes[{group[m], group[(m + 1) % group.size()]}] += exchanges[g].bytes;
    }
  }
  std::vector<LinkTraffic> links;
  for (const auto& [ends, sent] : bytes) links.push_back({ends.first, ends.second, sent});
  return links;
}

// Members beside their leaders, and what they exchange.
Simulation with_replicas(Simulation one, const std::vector<ReplicaGroup>& replicas,
                         const std::vector<ReplicaExchange>& exchanges) {
  const Replication replication(replicas, static_cast<std::int32_t>(one.devices.size()));
  double longest_s = 0.0;
  for (const ReplicaExchange& exchange : exchanges) longest_s = std::max(longest_s, exchange.seconds);
  for (std::size_t g = 0; g < replicas.size(); ++g) {
    DeviceTimes times = one.devices[index(replicas[g].front())];
    times.communication_s += exchanges[g].seconds;
    times.idle_s += longest_s - exchanges[g].seconds;
    times.peak_memory_bytes += exchanges[g].memory_bytes;
    for (const DeviceId d : replicas[g]) one.devices[index(d)] = times;
  }
  one.links = links_of_all(one.links, replication, replicas, exchanges);
  const double alone_s = one.step_time_s;
  one.step_time_s += longest_s;
  one.bubble_fraction = 1.0 - (1.0 - one.bubble_fraction) * alone_s / one.step_time_s;
  return one;
}

// What predict() says of the part, for the whole.
Prediction prediction_of(const SampledStep& step, const PlacementUnits& units, const Cluster& cluster,
                         const std::vector<ReplicaGroup>& replicas, const std::vector<ReplicaExchange>& exchanges) {
  const Replication replication(replicas, static_cast<std::int32_t>(step.program.devices.size()));
  Prediction prediction = predict(step.program, step.simulation, units, cluster);
  for (std::size_t g = 0; g < exchanges.size(); ++g) {
    prediction.communication_volume_bytes += exchanges[g].bytes * static_cast<std::int64_t>(replicas[g].size());
  }
  double busy_s = 0.0;
  for (const DeviceTimes& times : step.simulation.devices) busy_s += times.busy_s;
  const std::vector<DevicePrediction> leaders = prediction.devices;
  for (const DeviceId d : ids<DeviceId>(prediction.devices.size())) {
    const DeviceTimes& times = step.simulation.devices[index(d)];
    const DeviceId leader = replication.leader(d);
    DevicePrediction& device = prediction.devices[index(d)];
    device = leaders[index(leader)];
    if (busy_s > 0.0) device.compute_share = times.busy_s / busy_s;
    device.memory_bytes += times.peak_memory_bytes - step.program.devices[leader].arena_bytes;
  }
  prediction.imbalance = imbalance_of(prediction.devices, cluster);
  return prediction;
}

struct Simulated {
  Program program;
  Simulation simulation;
};

// One of the replicas with so many microbatches.
Simulated simulate_part(TrainingGraph training, const Placement& placement, CompileOptions options,
                        const Cluster& times, std::int32_t microbatches) {
  training.microbatches = microbatches;
  options.replicas.clear();
  options.zero = 0;
  Program program = compile(std::move(training), placement, options);
  Simulation simulation = simulate(program, times);
  return {.program = std::move(program), .simulation = std::move(simulation)};
}

std::int64_t instructions_of(const Program& program) {
  std::int64_t sum = 0;
  for (const DeviceProgram& device : program.devices) sum += static_cast<std::int64_t>(device.instructions.size());
  return sum;
}

SampledStep whole_step(const TrainingGraph& training, const PlacementUnits& units, const Placement& placement,
                       const CompileOptions& options, const Cluster& times, const StepSample& sample) {
  SimulatedProgram made = compile_and_simulate(training, placement, options, times);
  Prediction prediction = predict(made.program, made.simulation, units, times);
  const std::int64_t instructions = instructions_of(made.program);
  return {.sample = sample,
          .simulation = std::move(made.simulation),
          .prediction = std::move(prediction),
          .program = std::move(made.program),
          .instructions = instructions};
}

}  // namespace

StepSample sample_of(const TrainingGraph& training, const Placement& placement, const CompileOptions& options) {
  const auto nodes = static_cast<std::int64_t>(training.graph.nodes().size());
  StepSample sample{.microbatches = training.microbatches};
  const std::int32_t members = common_size(options.replicas, placement);
  if (members == 0 || nodes * training.microbatches <= kMostInstructions) return sample;
  sample.replicas = members;
  sample.microbatches = (training.microbatches + members - 1) / members;
  if (nodes * sample.microbatches <= kMostPipelineInstructions) return sample;
  const std::int32_t fewer = filling(placement, options, sample.microbatches);
  const std::int32_t more = fewer + (goes_in_groups(options.schedule) ? fewer : (fewer + 1) / 2);
  if (fewer + more >= sample.microbatches) return sample;
  sample.fewer = fewer;
  sample.more = more;
  return sample;
}

SampledStep sample_step(const TrainingGraph& training, const PlacementUnits& units, const Placement& placement,
                        const CompileOptions& options, const Cluster& times, const StepSample& sample) {
  MP_CHECK(options.cluster != nullptr);
  if (sample.is_whole()) return whole_step(training, units, placement, options, times, sample);
  Simulated part = simulate_part(training, placement, options, times, sample.fewer > 0 ? sample.more : sample.microbatches);
  SampledStep step{.sample = sample, .simulation = {}, .prediction = {}, .program = std::move(part.program)};
  step.instructions = instructions_of(step.program);
  step.simulation = std::move(part.simulation);
  if (sample.fewer > 0) {
    const Simulated fewer = simulate_part(training, placement, options, times, sample.fewer);
    step.instructions += instructions_of(fewer.program);
    step.simulation =
        extended(fewer.simulation, std::move(step.simulation), sample, keeps_every_microbatch(options));
  }
  std::vector<ReplicaExchange> exchanges;
  if (sample.replicas > 1) {
    exchanges = replica_exchanges(training, {placement, options.replicas, options.zero}, sample.microbatches,
                                  step.simulation.step_time_s, GroupLinks(times));
    step.simulation = with_replicas(std::move(step.simulation), options.replicas, exchanges);
  }
  const std::vector<ReplicaGroup> replicas = sample.replicas > 1 ? options.replicas : std::vector<ReplicaGroup>{};
  step.prediction = prediction_of(step, units, times, replicas, exchanges);
  return step;
}

}  // namespace mp
