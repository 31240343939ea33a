#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/clip_gradients.hpp"
#include "lib/program/emit.hpp"
#include "lib/program/memory.hpp"
#include "lib/program/policy.hpp"
#include "lib/program/program.hpp"
#include "lib/program/replication.hpp"
#include "lib/program/segments.hpp"
#include "lib/program/share_out.hpp"
#include "lib/program/tasks.hpp"
#include "lib/program/waits.hpp"

namespace mp {
namespace {

// A state that changes with every microbatch has one value at a time: it can serve the node that updates it only.
void check_states(const TrainingGraph& training) {
  const Graph& graph = training.graph;
  std::vector<Issue> issues;
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(n);
    if (training.phase[n] == Phase::kUpdate) continue;
    for (const InPlace& pair : node.op->in_place) {
      if (pair.output >= node.outputs.size() || node.outputs[pair.output] == kNone<TensorId>) continue;
      const TensorId state = node.inputs[pair.input];
      if (state == kNone<TensorId> || graph.tensor(state).kind != TensorKind::kParameter) continue;
      for (const NodeId other : graph.consumers(state)) {
        if (other == n) continue;
        issues.push_back({node.name, "updates " + quoted(graph.tensor(state).name) + " in every microbatch, and " +
                                         quoted(graph.node(other).name) +
                                         " uses it, too; give each node a state of its own"});
      }
    }
  }
  if (!issues.empty()) throw InputError("<graph>", std::move(issues));
}

// A stage that keeps a microbatch alive for as many stages as follow keeps more of them busy where those have more
// replicas than itself: as PipeDream counts (Narayanan et al., SOSP 2019, section 3.2), all that follow over its own.
void widen_limits(const std::vector<Segment>& segments, const Replication& replication, SchedulePolicy& policy) {
  std::vector<std::int32_t> width;  // by level of the forward pass: members of its largest group
  IdVector<DeviceId, std::size_t> first(policy.alive_limit.size(), segments.size());
  for (const Segment& segment : segments) {
    if (segment.pass != Pass::kForward) continue;
    const auto level = static_cast<std::size_t>(segment.level);
    if (width.size() <= level) width.resize(level + 1, 1);
    width[level] = std::max(width[level], replication.size(segment.device));
    first[segment.device] = std::min(first[segment.device], level);
  }
  for (const DeviceId d : ids<DeviceId>(first.size())) {
    std::int32_t& limit = policy.alive_limit[d];
    const auto end = std::min(width.size(), first[d] + static_cast<std::size_t>(limit));
    std::int32_t following = 0;
    for (std::size_t level = first[d]; level < end; ++level) following += width[level];
    const std::int32_t own = replication.size(replication.leader(d));
    limit = std::max(limit, (following + own - 1) / own);
  }
}

void check_shape(const TrainingGraph& training, const Placement& placement, const CompileOptions& options,
                 const Replication& replication) {
  MP_CHECK(training.microbatches >= 1 && options.devices >= 1);
  MP_CHECK(placement.size() == static_cast<std::size_t>(training.forward_nodes));
  for (const DeviceId d : placement) {
    MP_CHECK(d >= DeviceId{0} && d < make_id<DeviceId>(options.devices));
    MP_CHECK(replication.leader(d) == d && replication.size(d) <= training.microbatches);
  }
}

}  // namespace

Program compile(TrainingGraph training, Placement placement, const CompileOptions& options) {
  const Replication replication(options.replicas, options.devices);
  check_shape(training, placement, options, replication);
  check_states(training);
  training = share_out(std::move(training), placement, replication, options.zero);
  training = clip_gradients(std::move(training), placement, replication, options.zero);
  const Cluster uniform = options.cluster != nullptr ? Cluster{} : uniform_cluster(options.devices);
  const Cluster& cluster = options.cluster != nullptr ? *options.cluster : uniform;
  const std::vector<Segment> segments =
      make_segments(training, devices_of_nodes(training, placement),
                    {.split_weight_gradients = splits_weight_gradients(options.schedule)});
  SchedulePolicy policy = make_policy(options.schedule, segments, options.devices, training.microbatches);
  if (replication.any()) widen_limits(segments, replication, policy);
  if (options.alive_limit > 0) limit_alive(policy, options.alive_limit);
  const std::vector<Task> tasks = list_schedule(segments, segment_durations(training, segments, cluster), policy,
                                                training.microbatches, &replication);
  Emission emission = emit(training, placement, segments, tasks,
                           {.replication = replication,
                            .zero = options.zero,
                            .bucket_bytes = options.bucket_bytes,
                            .cluster = cluster,
                            .collectives = options.collectives});
  for (const DeviceId d : ids<DeviceId>(emission.devices.size())) {
    assign_offsets(emission.devices[d], emission.lifetimes[d], emission.bundles[d]);
  }
  place_waits(emission);
  const std::int32_t microbatches = training.microbatches;
  return {.training = std::move(training),
          .placement = std::move(placement),
          .schedule = options.schedule,
          .microbatches = microbatches,
          .replicas = options.replicas,
          .zero = options.zero,
          .devices = std::move(emission.devices),
          .messages = std::move(emission.messages),
          .order = std::move(emission.order),
          .collectives = std::move(emission.collectives)};
}

}  // namespace mp
