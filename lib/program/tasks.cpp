#include "lib/program/tasks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"
#include "lib/program/device_queue.hpp"

namespace mp {
namespace {

class ListScheduler {
 public:
  ListScheduler(const std::vector<Segment>& segments, const std::vector<std::int64_t>& durations,
                const SchedulePolicy& policy, std::int32_t microbatches, const Replication& replication)
      : replication_(replication),
        segments_(segments),
        durations_(durations),
        policy_(policy),
        microbatches_(microbatches),
        is_busy_(policy.alive_limit.size(), false),
        is_touched_(policy.alive_limit.size(), false) {
    make_queues();
    waits_for_.resize(segments.size() * static_cast<std::size_t>(microbatches));
    order_.reserve(waits_for_.size());
    for (std::size_t t = 0; t < waits_for_.size(); ++t) {
      const Task task = task_of(static_cast<std::int64_t>(t));
      waits_for_[t] = segment(task).predecessors + (task.microbatch >= members(task) ? 1 : 0);
      if (waits_for_[t] == 0) make_ready(task);
    }
  }

  std::vector<TimedTask> run() && {
    for (const DeviceId d : ids<DeviceId>(queues_.size())) dispatch(d, 0);
    while (!running_.empty()) {
      const std::int64_t now = running_.top().end;
      while (!running_.empty() && running_.top().end == now) {
        finish(running_.top().task);
        running_.pop();
      }
      std::sort(touched_.begin(), touched_.end());
      for (const DeviceId d : touched_) {
        is_touched_[d] = false;
        dispatch(d, now);
      }
      touched_.clear();
    }
    MP_CHECK(order_.size() == waits_for_.size());
    return std::move(order_);
  }

 private:
  struct Running {
    std::int64_t end = 0;
    std::int64_t number = 0;  // of starts before it
    Task task;
    bool operator>(const Running& other) const { return std::tie(end, number) > std::tie(other.end, other.number); }
  };

  void make_queues() {
    counts_.resize(policy_.alive_limit.size());
    for (const Segment& segment : segments_) {
      place_on_device_.push_back(counts_[segment.device][static_cast<std::size_t>(segment.pass)]++);
    }
    for (const DeviceId d : ids<DeviceId>(counts_.size())) {
      const DeviceId leader = replication_.leader(d);
      groups_.push_back(groups_of(replication_.share(d, microbatches_)));
      const std::int32_t others = counts_[leader][0] - 1;
      queues_.push_back(DeviceQueue(counts_[leader], groups_[d].microbatches,
                                    {.alive = policy_.alive_limit[leader],
                                     .ahead = limit_for(policy_.ahead_limit[leader], others, groups_[d].largest()),
                                     .kept = limit_for(policy_.kept_limit[leader], others, groups_[d].largest()),
                                     .flush_between_passes = policy_.flush_between_passes}));
    }
  }

  // A limit of the policy counts a group of its own for each of the device's other segments.
  [[nodiscard]] std::int32_t limit_for(std::int32_t limit, std::int32_t other_segments, std::int32_t largest) const {
    const std::int64_t more = std::int64_t{other_segments} * (largest - policy_.groups.largest());
    const std::int64_t least = std::int64_t{other_segments} * largest + 1;
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(
        std::max(limit + more, least), 0, std::numeric_limits<std::int32_t>::max()));
  }

  [[nodiscard]] const Segment& segment(Task task) const { return segments_[static_cast<std::size_t>(task.segment)]; }
  // The one place that says who works on a task.
  [[nodiscard]] DeviceId device_of(Task task) const {
    return replication_.device(segment(task).device, task.microbatch);
  }
  [[nodiscard]] std::int32_t members(Task task) const { return replication_.size(segment(task).device); }
  // A device counts the microbatches that are its own: every members(task)-th.
  [[nodiscard]] std::int32_t own_number(Task task) const { return task.microbatch / members(task); }
  // As the policy's, for a device that runs `share` of the microbatches.
  [[nodiscard]] MicrobatchGroups groups_of(std::int32_t share) const {
    if (share == microbatches_) return policy_.groups;
    const std::int32_t size = std::max(policy_.groups.microbatches / policy_.groups.count, 1);
    return {.microbatches = share, .count = std::max(share / size, 1)};
  }
  [[nodiscard]] Task task_of(std::int64_t number) const {
    return {static_cast<std::int32_t>(number / microbatches_), static_cast<std::int32_t>(number % microbatches_)};
  }
  [[nodiscard]] std::size_t number_of(Task task) const {
    return static_cast<std::size_t>(task.segment) * static_cast<std::size_t>(microbatches_) +
           static_cast<std::size_t>(task.microbatch);
  }

  void make_ready(Task task) {
    const DeviceId d = device_of(task);
    const Pass pass = segment(task).pass;
    const std::int32_t place = place_on_device_[static_cast<std::size_t>(task.segment)];
    const std::int32_t of = counts_[segment(task).device][static_cast<std::size_t>(pass)];
    const std::int32_t own = own_number(task);
    queues_[d].add({groups_[d].position(place, of, own), {task.segment, own}, pass});
  }

  // The device's choice may have changed.
  void touch(DeviceId d) {
    if (!is_touched_[d]) touched_.push_back(d);
    is_touched_[d] = true;
  }

  void release(Task task) {
    if (--waits_for_[number_of(task)] > 0) return;
    make_ready(task);
    touch(device_of(task));
  }

  void finish(Task task) {
    const DeviceId d = device_of(task);
    is_busy_[d] = false;
    queues_[d].finish(segment(task).pass, own_number(task));
    touch(d);
    for (const std::int32_t next : segment(task).successors) release({next, task.microbatch});
    const std::int32_t next = task.microbatch + members(task);
    if (next < microbatches_) release({task.segment, next});
  }

  void dispatch(DeviceId d, std::int64_t now) {
    ReadyTask next;
    if (is_busy_[d] || !queues_[d].take(next)) return;
    is_busy_[d] = true;
    next.task.microbatch = next.task.microbatch * members(next.task) + replication_.position(d);
    const std::int64_t end = now + durations_[static_cast<std::size_t>(next.task.segment)];
    running_.push({end, static_cast<std::int64_t>(order_.size()), next.task});
    order_.push_back({next.task, now, end});
  }

  const Replication& replication_;
  const std::vector<Segment>& segments_;
  const std::vector<std::int64_t>& durations_;
  const SchedulePolicy& policy_;
  std::int32_t microbatches_;
  IdVector<DeviceId, std::array<std::int32_t, kPasses>> counts_;  // segments of each pass
  std::vector<std::int32_t> place_on_device_;  // by segment: how many of its pass its device has before it
  IdVector<DeviceId, MicrobatchGroups> groups_;
  IdVector<DeviceId, DeviceQueue> queues_;
  IdVector<DeviceId, bool> is_busy_;
  IdVector<DeviceId, bool> is_touched_;
  std::vector<DeviceId> touched_;
  std::vector<std::int32_t> waits_for_;  // by task number: predecessors not finished
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  std::vector<TimedTask> order_;
};

}  // namespace

std::vector<std::int64_t> segment_durations(const TrainingGraph& training, const std::vector<Segment>& segments,
                                            const Cluster& cluster) {
  constexpr double kPicosecondsPerSecond = 1e12;
  constexpr double kLongestSeconds = 1e4;  // one node; keeps sums inside 63 bits
  std::vector<std::int64_t> durations;
  durations.reserve(segments.size());
  for (const Segment& segment : segments) {
    std::int64_t duration = 0;
    for (const NodeId n : segment.nodes) {
      const double seconds = node_seconds(training.graph, n, cluster.type_of(segment.device));
      duration += std::llround(std::min(seconds, kLongestSeconds) * kPicosecondsPerSecond);
    }
    durations.push_back(std::max<std::int64_t>(duration, 1));
  }
  return durations;
}

std::vector<TimedTask> timed_schedule(const std::vector<Segment>& segments, const std::vector<std::int64_t>& durations,
                                      const SchedulePolicy& policy, std::int32_t microbatches,
                                      const Replication* replication) {
  const Replication alone({}, static_cast<std::int32_t>(policy.alive_limit.size()));
  return ListScheduler(segments, durations, policy, microbatches, replication != nullptr ? *replication : alone).run();
}

std::vector<Task> list_schedule(const std::vector<Segment>& segments, const std::vector<std::int64_t>& durations,
                                const SchedulePolicy& policy, std::int32_t microbatches,
                                const Replication* replication) {
  const std::vector<TimedTask> timed = timed_schedule(segments, durations, policy, microbatches, replication);
  std::vector<Task> tasks;
  tasks.reserve(timed.size());
  for (const TimedTask& task : timed) tasks.push_back(task.task);
  return tasks;
}

}  // namespace mp
