#include "lib/program/device_queue.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace mp {
namespace {

// For std heaps, which put the greatest in front.
bool comes_later(const ReadyTask& a, const ReadyTask& b) { return a.position > b.position; }

}  // namespace

DeviceQueue::DeviceQueue(const std::array<std::int32_t, kPasses>& segments, std::int32_t microbatches,
                         const DeviceLimits& limits)
    : segments_(segments), limits_(limits), tasks_left_(static_cast<std::size_t>(microbatches), 0) {
  for (const std::int32_t count : segments) {
    for (std::int32_t& left : tasks_left_) left += count;
  }
  forward_left_ = static_cast<std::int64_t>(segments[0]) * microbatches;
}

void DeviceQueue::add(const ReadyTask& ready) {
  Heap& into = heap(ready.pass);
  into.push_back(ready);
  std::push_heap(into.begin(), into.end(), comes_later);
}

bool DeviceQueue::take(ReadyTask& taken) {
  if (take_forward(taken)) return true;
  const bool flushed = !limits_.flush_between_passes || forward_left_ == 0;
  for (const Pass pass : {Pass::kBackward, Pass::kWeightGradient}) {
    Heap& from = heap(pass);
    if (from.empty() || !flushed) continue;
    std::pop_heap(from.begin(), from.end(), comes_later);
    taken = from.back();
    from.pop_back();
    begin(taken);
    return true;
  }
  return false;
}

// The first of those that may start: the first of all, most of the time.
bool DeviceQueue::take_forward(ReadyTask& taken) {
  Heap& from = heap(Pass::kForward);
  if (from.empty()) return false;
  if (may_start(from.front())) {
    std::pop_heap(from.begin(), from.end(), comes_later);
  } else {
    auto first = from.end();
    for (auto at = from.begin(); at != from.end(); ++at) {
      if (may_start(*at) && (first == from.end() || at->position < first->position)) first = at;
    }
    if (first == from.end()) return false;
    std::iter_swap(first, std::prev(from.end()));
    std::make_heap(from.begin(), std::prev(from.end()), comes_later);
  }
  taken = from.back();
  from.pop_back();
  begin(taken);
  return true;
}

bool DeviceQueue::may_start(const ReadyTask& forward) const {
  const std::int32_t microbatch = forward.task.microbatch;
  const bool is_alive = microbatch < next_microbatch_;
  if (!is_alive && (microbatch > next_microbatch_ || alive_ >= limits_.alive)) return false;
  const Pass last = segments_[2] > 0 ? Pass::kWeightGradient : Pass::kBackward;
  return forward.position - matched(Pass::kBackward) < limits_.ahead && forward.position - matched(last) < limits_.kept;
}

// Forward tasks that the finished tasks of another pass match: each of that pass' segments stands for its share. Where
// there is no such pass nothing waits, and nothing is kept.
std::int64_t DeviceQueue::matched(Pass pass) const {
  const auto of_pass = static_cast<std::size_t>(pass);
  if (segments_[of_pass] == 0) return std::numeric_limits<std::int64_t>::max() / 2;
  return finished_[of_pass] * segments_[0] / segments_[of_pass];
}

void DeviceQueue::begin(const ReadyTask& taken) {
  if (taken.task.microbatch < next_microbatch_) return;
  alive_ += taken.task.microbatch + 1 - next_microbatch_;
  next_microbatch_ = taken.task.microbatch + 1;
}

void DeviceQueue::finish(Pass pass, std::int32_t microbatch) {
  ++finished_[static_cast<std::size_t>(pass)];
  if (pass == Pass::kForward) --forward_left_;
  if (--tasks_left_[static_cast<std::size_t>(microbatch)] == 0) --alive_;
}

}  // namespace mp
