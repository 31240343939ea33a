#include "lib/program/trace.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/memory_profile.hpp"

namespace mp {
namespace {

std::string_view category(const Program& program, const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::kCompute:
      break;
    case Opcode::kFeed:
    case Opcode::kCopy:
    case Opcode::kAccumulate:
    case Opcode::kFetchLoss:
      return "memory";
    case Opcode::kSend:
    case Opcode::kWaitSend:
    case Opcode::kReceive:
    case Opcode::kStartCollective:
    case Opcode::kFinishCollective:
      return "transfer";
  }
  switch (program.training.phase[instruction.node]) {
    case Phase::kForward:
      return "forward";
    case Phase::kBackward:
      return "backward";
    case Phase::kUpdate:
      return "update";
  }
  return "";
}

std::string_view verb(Opcode opcode) {
  switch (opcode) {
    case Opcode::kFeed:
      return "feed ";
    case Opcode::kCopy:
      return "copy ";
    case Opcode::kAccumulate:
      return "add ";
    case Opcode::kWaitSend:
    case Opcode::kFinishCollective:
      return "wait for ";
    case Opcode::kStartCollective:
      return "start ";
    case Opcode::kReceive:
      return "receive ";
    case Opcode::kFetchLoss:
      return "loss ";
    case Opcode::kCompute:
    case Opcode::kSend:
      break;
  }
  return "";
}

using Ends = std::pair<DeviceId, DeviceId>;

// Ordered pairs of devices that some message goes between, ascending.
std::vector<Ends> used_links(const Program& program) {
  std::vector<Ends> links;
  links.reserve(program.messages.size());
  for (const Message& message : program.messages) links.emplace_back(message.from, message.to);
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());
  return links;
}

void write_names(const Trace& trace, JsonWriter& json) {
  json.begin_object(JsonWriter::Layout::kInline)
      .member("name", "process_name")
      .member("ph", "M")
      .member("pid", trace.process_id);
  json.key("args").begin_object().member("name", trace.process).end().end();
  for (std::size_t i = 0; i < trace.tracks.size(); ++i) {
    for (const bool is_name : {true, false}) {
      json.begin_object(JsonWriter::Layout::kInline).member("name", is_name ? "thread_name" : "thread_sort_index");
      json.member("ph", "M").member("pid", trace.process_id).member("tid", i).key("args").begin_object();
      is_name ? json.member("name", trace.tracks[i]) : json.member("sort_index", i);
      json.end().end();
    }
  }
}

void write_counters(const Trace& trace, double microseconds_per_second, JsonWriter& json) {
  for (const TraceCounter& counter : trace.counters) {
    json.begin_object(JsonWriter::Layout::kInline)
        .member("name", counter.name)
        .member("ph", "C")
        .member("pid", trace.process_id);
    json.member("ts", counter.time_s * microseconds_per_second).key("args").begin_object();
    json.member("bytes", counter.bytes).end().end();
  }
}

}  // namespace

TraceSpan describe(const Program& program, const Instruction& instruction) {
  const Graph& graph = program.training.graph;
  TraceSpan span;
  span.name = instruction.opcode == Opcode::kCompute
                  ? graph.node(instruction.node).name
                  : std::string(verb(instruction.opcode)) + graph.tensor(instruction.tensor).name;
  if (instruction.message >= 0) {
    const Message& message = program.messages[static_cast<std::size_t>(instruction.message)];
    if (!message.others.empty()) span.name += fmt::format(" + {}", message.others.size());
  }
  if (instruction.collective >= 0) {
    const std::size_t tensors = program.collectives[static_cast<std::size_t>(instruction.collective)].tensors.size();
    if (tensors > 1) span.name += fmt::format(" + {}", tensors - 1);
  }
  if (instruction.microbatch >= 0) span.name += fmt::format(" mb{}", instruction.microbatch);
  span.category = category(program, instruction);
  return span;
}

std::vector<std::string> trace_tracks(const Program& program, const Cluster& cluster) {
  const auto name = [&](DeviceId d) { return "device " + cluster.devices[d].name; };
  std::vector<std::string> tracks;
  for (const DeviceId d : ids<DeviceId>(program.devices.size())) tracks.push_back(name(d));
  for (const auto& [from, to] : used_links(program)) tracks.push_back(name(from) + " → " + name(to));
  return tracks;
}

std::size_t link_track(const Program& program, DeviceId from, DeviceId to) {
  const std::vector<Ends> links = used_links(program);
  const auto found = std::lower_bound(links.begin(), links.end(), Ends(from, to));
  MP_CHECK(found != links.end() && *found == Ends(from, to));
  return program.devices.size() + static_cast<std::size_t>(found - links.begin());
}

namespace {

// Collectives move beside the device's work: rows of their own, one for sums and one for values, of those that have
// any.
class CollectiveTracks {
 public:
  CollectiveTracks(const Program& program, Trace& trace) : program_(program), trace_(trace) {}

  void place(DeviceId device, const Instruction& instruction, TraceSpan& span) {
    const CollectiveKind kind = program_.collectives[static_cast<std::size_t>(instruction.collective)].kind;
    const auto [track, is_new] = tracks_.try_emplace({device, is_sum(kind)}, trace_.tracks.size());
    if (is_new) trace_.tracks.push_back(trace_.tracks[index(device)] + (is_sum(kind) ? " sums" : " values"));
    span.track = track->second;
    span.name =
        fmt::format("{} {}", name_of(kind), std::string_view(span.name).substr(verb(instruction.opcode).size()));
  }

 private:
  const Program& program_;
  Trace& trace_;
  std::map<std::pair<DeviceId, bool>, std::size_t> tracks_;
};

}  // namespace

Trace trace_of(const Program& program, const Cluster& cluster, const Simulation& simulation) {
  Trace trace{.process = "simulated step", .tracks = trace_tracks(program, cluster), .spans = {}};
  const std::vector<Ends> links = used_links(program);
  CollectiveTracks collectives(program, trace);
  for (const TimelineEvent& event : simulation.events) {
    const Instruction& instruction =
        program.devices[event.device].instructions[static_cast<std::size_t>(event.instruction)];
    TraceSpan span = describe(program, instruction);
    span.track = index(event.device);
    if (instruction.opcode == Opcode::kSend) {
      const Message& message = program.messages[static_cast<std::size_t>(instruction.message)];
      const auto link = std::lower_bound(links.begin(), links.end(), Ends(message.from, message.to));
      span.track = program.devices.size() + static_cast<std::size_t>(link - links.begin());
    }
    if (instruction.opcode == Opcode::kStartCollective) collectives.place(event.device, instruction, span);
    span.start_s = event.start_s;
    span.end_s = event.end_s;
    trace.spans.push_back(std::move(span));
  }
  for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
    for (const MemoryPoint& point : memory_over_time(program, simulation, d)) {
      trace.counters.push_back({trace.tracks[index(d)] + " memory", point.time_s, point.bytes});
    }
  }
  return trace;
}

std::string to_trace_json(const Trace& trace) {
  constexpr double kMicrosecondsPerSecond = 1e6;
  JsonWriter json;
  json.begin_object().member("displayTimeUnit", "ms").key("traceEvents").begin_array();
  write_names(trace, json);
  for (const TraceSpan& span : trace.spans) {
    json.begin_object(JsonWriter::Layout::kInline).member("name", span.name).member("cat", span.category);
    json.member("ph", "X").member("pid", trace.process_id).member("tid", span.track);
    json.member("ts", span.start_s * kMicrosecondsPerSecond);
    json.member("dur", (span.end_s - span.start_s) * kMicrosecondsPerSecond).end();
  }
  write_counters(trace, kMicrosecondsPerSecond, json);
  json.end().end();
  return std::move(json).take();
}

}  // namespace mp
