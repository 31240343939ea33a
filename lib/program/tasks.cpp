#include "lib/program/tasks.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"

namespace mp {
namespace {

struct DeviceState {
  using Ready = std::set<std::pair<SchedulePolicy::Rank, std::int32_t>>;  // rank, task number
  Ready forward;
  Ready backward;
  std::vector<std::int32_t> tasks_left;  // by microbatch
  std::int64_t forward_left = 0;
  std::int32_t next_microbatch = 0;  // the next to come alive
  std::int32_t alive = 0;
  bool busy = false;
};

class ListScheduler {
 public:
  ListScheduler(const std::vector<Segment>& segments, const std::vector<std::int64_t>& durations,
                const SchedulePolicy& policy, std::int32_t microbatches)
      : segments_(segments),
        durations_(durations),
        policy_(policy),
        microbatches_(microbatches),
        devices_(policy.alive_limit.size()) {
    for (const Segment& segment : segments) {
      DeviceState& device = devices_[segment.device];
      device.tasks_left.resize(static_cast<std::size_t>(microbatches), 0);
      for (std::int32_t& left : device.tasks_left) ++left;
      if (segment.pass == Phase::kForward) device.forward_left += microbatches;
    }
    waits_for_.resize(segments.size() * static_cast<std::size_t>(microbatches));
    for (std::size_t t = 0; t < waits_for_.size(); ++t) {
      const Task task = task_of(static_cast<std::int32_t>(t));
      waits_for_[t] = segment(task).predecessors + (task.microbatch > 0 ? 1 : 0);
      if (waits_for_[t] == 0) make_ready(task);
    }
  }

  std::vector<Task> run() && {
    for (const DeviceId d : ids<DeviceId>(devices_.size())) dispatch(d, 0);
    while (!running_.empty()) {
      const std::int64_t now = std::get<0>(running_.top());
      std::set<DeviceId> touched;  // devices whose choice may have changed
      while (!running_.empty() && std::get<0>(running_.top()) == now) {
        finish(task_of(std::get<2>(running_.top())), touched);
        running_.pop();
      }
      for (const DeviceId d : touched) dispatch(d, now);
    }
    MP_CHECK(order_.size() == waits_for_.size());
    return std::move(order_);
  }

 private:
  [[nodiscard]] const Segment& segment(Task task) const { return segments_[static_cast<std::size_t>(task.segment)]; }
  [[nodiscard]] Task task_of(std::int32_t number) const { return {number / microbatches_, number % microbatches_}; }
  [[nodiscard]] std::int32_t number_of(Task task) const { return task.segment * microbatches_ + task.microbatch; }

  void make_ready(Task task) {
    DeviceState& device = devices_[segment(task).device];
    DeviceState::Ready& ready = segment(task).pass == Phase::kForward ? device.forward : device.backward;
    ready.emplace(policy_.rank(segments_, task), number_of(task));
  }

  void release(Task task, std::set<DeviceId>& touched) {
    if (--waits_for_[static_cast<std::size_t>(number_of(task))] > 0) return;
    make_ready(task);
    touched.insert(segment(task).device);
  }

  void finish(Task task, std::set<DeviceId>& touched) {
    const DeviceId d = segment(task).device;
    DeviceState& device = devices_[d];
    device.busy = false;
    touched.insert(d);
    if (segment(task).pass == Phase::kForward) --device.forward_left;
    if (--device.tasks_left[static_cast<std::size_t>(task.microbatch)] == 0) --device.alive;
    for (const std::int32_t next : segment(task).successors) release({next, task.microbatch}, touched);
    if (task.microbatch + 1 < microbatches_) release({task.segment, task.microbatch + 1}, touched);
  }

  // The task the policy wants next, or −1.
  [[nodiscard]] std::int32_t choose(DeviceId d) const {
    const DeviceState& device = devices_[d];
    if (!device.forward.empty()) {
      const std::int32_t first = device.forward.begin()->second;
      const std::int32_t microbatch = task_of(first).microbatch;
      const bool alive = microbatch < device.next_microbatch;
      const bool may_come_alive = microbatch == device.next_microbatch && device.alive < policy_.alive_limit[d];
      if (alive || may_come_alive) return first;
    }
    const bool flushed = !policy_.flush_between_passes || device.forward_left == 0;
    return !device.backward.empty() && flushed ? device.backward.begin()->second : -1;
  }

  void dispatch(DeviceId d, std::int64_t now) {
    DeviceState& device = devices_[d];
    if (device.busy) return;
    const std::int32_t number = choose(d);
    if (number < 0) return;
    const Task task = task_of(number);
    DeviceState::Ready& ready = segment(task).pass == Phase::kForward ? device.forward : device.backward;
    ready.erase(ready.begin());
    if (task.microbatch >= device.next_microbatch) {
      ++device.next_microbatch;
      ++device.alive;
    }
    device.busy = true;
    order_.push_back(task);
    running_.emplace(now + durations_[static_cast<std::size_t>(task.segment)], running_.size(), number);
  }

  const std::vector<Segment>& segments_;
  const std::vector<std::int64_t>& durations_;
  const SchedulePolicy& policy_;
  std::int32_t microbatches_;
  IdVector<DeviceId, DeviceState> devices_;
  std::vector<std::int32_t> waits_for_;                                 // by task number: predecessors not finished
  using Running = std::tuple<std::int64_t, std::size_t, std::int32_t>;  // end, sequence, task number
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  std::vector<Task> order_;
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

std::vector<Task> list_schedule(const std::vector<Segment>& segments, const std::vector<std::int64_t>& durations,
                                const SchedulePolicy& policy, std::int32_t microbatches) {
  return ListScheduler(segments, durations, policy, microbatches).run();
}

}  // namespace mp
