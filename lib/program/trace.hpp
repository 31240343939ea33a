// Timelines for Perfetto (ui.perfetto.dev) and chrome://tracing: simulated and measured ones look alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"

namespace mp {

struct TraceSpan {
  std::size_t track = 0;  // position in Trace::tracks
  std::string name;
  std::string category;  // "forward", "backward", "update", "memory", "transfer"
  double start_s = 0.0;
  double end_s = 0.0;
  friend bool operator==(const TraceSpan&, const TraceSpan&) = default;
};

// A value from a time on, drawn as a curve.
struct TraceCounter {
  std::string name;
  double time_s = 0.0;
  std::int64_t bytes = 0;
  friend bool operator==(const TraceCounter&, const TraceCounter&) = default;
};

struct Trace {
  std::string process;              // "simulated step", "measured step"
  int process_id = 0;               // different ones can be put into one file and laid over each other
  std::vector<std::string> tracks;  // a device or a link each
  std::vector<TraceSpan> spans;
  std::vector<TraceCounter> counters = {};  // each name's by time
};

// The span's name and category of an instruction: what the node or tensor is called, and the microbatch.
[[nodiscard]] TraceSpan describe(const Program& program, const Instruction& instruction);

// One track per device ("device gpu0"), then one per link that is used ("device gpu0 → device gpu1"), by (from, to).
[[nodiscard]] std::vector<std::string> trace_tracks(const Program& program, const Cluster& cluster);
// The position among them of the link, which is used.
[[nodiscard]] std::size_t link_track(const Program& program, DeviceId from, DeviceId to);

// The simulated step on these tracks; of devices that take part in collectives "device gpu0 sums" and "device gpu0
// values" follow. A counter per device: its memory over time.
[[nodiscard]] Trace trace_of(const Program& program, const Cluster& cluster, const Simulation& simulation);

// The Trace Event Format (Google, "Trace Event Format", 2016) as JSON: complete events, times in microseconds.
[[nodiscard]] std::string to_trace_json(const Trace& trace);

}  // namespace mp
