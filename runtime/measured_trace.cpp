#include "runtime/measured_trace.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"

namespace mp::runtime {

Trace measured_trace(const Executor& executor) {
  using Clock = std::chrono::steady_clock;
  const Program& program = executor.program();
  Clock::time_point start = Clock::time_point::max();
  for (const DeviceId device : ids<DeviceId>(program.devices.size())) {
    const std::vector<InstructionTime>& times = executor.times(device);
    MP_CHECK(times.size() == program.devices[device].instructions.size());
    if (!times.empty()) start = std::min(start, times.front().start);
  }
  const auto seconds = [start](Clock::time_point at) { return std::chrono::duration<double>(at - start).count(); };
  Trace trace{.process = "measured step", .tracks = {}, .spans = {}};
  for (const DeviceId device : ids<DeviceId>(program.devices.size())) {
    const std::vector<InstructionTime>& times = executor.times(device);
    for (std::size_t i = 0; i < times.size(); ++i) {
      TraceSpan span = describe(program, program.devices[device].instructions[i]);
      span.track = index(device);
      span.start_s = seconds(times[i].start);
      span.end_s = seconds(times[i].end);
      trace.spans.push_back(std::move(span));
    }
    trace.tracks.push_back("device " + std::to_string(index(device)));
  }
  return trace;
}

}  // namespace mp::runtime
