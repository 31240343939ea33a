#include "runtime/measured_trace.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// What is known of a message's way once all devices were looked at.
struct Passage {
  const Instruction* send = nullptr;
  Clock::time_point sent;
  Clock::time_point awaited;
  Clock::time_point arrived;
};

bool is_work(Opcode opcode) {
  return opcode == Opcode::kCompute || opcode == Opcode::kFeed || opcode == Opcode::kCopy ||
         opcode == Opcode::kAccumulate;
}

class Tracer {
 public:
  Tracer(const Executor& executor, const Cluster& cluster)
      : program_(executor.program()),
        trace_{.process = "measured step", .process_id = 1, .tracks = trace_tracks(program_, cluster), .spans = {}},
        passages_(program_.messages.size()) {
    for (const DeviceId device : ids<DeviceId>(program_.devices.size())) {
      const std::vector<InstructionTime>& times = executor.times(device);
      MP_CHECK(times.size() == program_.devices[device].instructions.size());
      if (!times.empty()) start_ = std::min(start_, times.front().start);
    }
    for (const DeviceId device : ids<DeviceId>(program_.devices.size())) add_device(device, executor.times(device));
    for (std::size_t m = 0; m < passages_.size(); ++m) add_message(program_.messages[m], passages_[m]);
  }

  [[nodiscard]] Trace take() && { return std::move(trace_); }

 private:
  [[nodiscard]] double seconds(Clock::time_point at) const {
    return std::chrono::duration<double>(at - start_).count();
  }

  void add(const Instruction& instruction, std::size_t track, Clock::time_point start, Clock::time_point end) {
    TraceSpan span = describe(program_, instruction);
    span.track = track;
    span.start_s = seconds(start);
    span.end_s = seconds(end);
    trace_.spans.push_back(std::move(span));
  }

  void add_device(DeviceId device, const std::vector<InstructionTime>& times) {
    const std::vector<Instruction>& list = program_.devices[device].instructions;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (is_work(list[i].opcode)) add(list[i], index(device), times[i].start, times[i].end);
      if (list[i].message < 0) continue;
      Passage& passage = passages_[static_cast<std::size_t>(list[i].message)];
      if (list[i].opcode == Opcode::kSend) {
        passage.send = &list[i];
        passage.sent = times[i].start;
      } else if (list[i].opcode == Opcode::kReceive) {
        passage.awaited = times[i].start;
        passage.arrived = times[i].end;
      }
    }
  }

  void add_message(const Message& message, const Passage& passage) {
    MP_CHECK(passage.send != nullptr);
    add(*passage.send, track_of(message), std::max(passage.sent, passage.awaited), passage.arrived);
  }

  // Looked up once for each link.
  std::size_t track_of(const Message& message) {
    const auto [found, is_new] = tracks_.try_emplace({message.from, message.to}, 0);
    if (is_new) found->second = link_track(program_, message.from, message.to);
    return found->second;
  }

  const Program& program_;
  Trace trace_;
  std::map<std::pair<DeviceId, DeviceId>, std::size_t> tracks_;
  std::vector<Passage> passages_;
  Clock::time_point start_ = Clock::time_point::max();
};

}  // namespace

Trace measured_trace(const Executor& executor, const Cluster& cluster) { return Tracer(executor, cluster).take(); }

}  // namespace mp::runtime
