// The timeline of one simulated step: what each device and each link does when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"

namespace mp {

// A task: neighbouring events of one device that belong to the same pass of the same microbatch.
struct GanttBar {
  std::size_t track = 0;  // position in Gantt::tracks
  std::string category;   // "forward", "backward", "update", "memory", "transfer"
  std::int32_t microbatch = -1;
  double start_s = 0.0;
  double end_s = 0.0;
  std::string title = {};
  friend bool operator==(const GanttBar&, const GanttBar&) = default;
};

struct Gantt {
  std::vector<std::string> tracks;  // devices, then the links that are used
  std::size_t devices = 0;
  std::vector<GanttBar> bars;
  double step_time_s = 0.0;
};

[[nodiscard]] Gantt gantt_of(const Program& program, const Cluster& cluster, const Simulation& simulation);

// As a picture: a row a track, at most `max_tracks` of them (a note says how many more there are).
[[nodiscard]] std::string gantt_svg(const Gantt& gantt, std::size_t max_tracks);

// Ticks of a time axis from 0 to `end_s`: about eight, at 1, 2 or 5 times a power of ten.
[[nodiscard]] std::vector<double> time_ticks(double end_s);

}  // namespace mp
