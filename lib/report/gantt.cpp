#include "lib/report/gantt.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/quantities.hpp"
#include "lib/program/trace.hpp"
#include "lib/report/svg.hpp"

namespace mp {
namespace {

constexpr double kLabelWidth = 130.0;
constexpr double kChartWidth = 1040.0;
constexpr double kRowHeight = 26.0;
constexpr double kAxisHeight = 24.0;
constexpr double kLeastBar = 0.35;  // narrower ones are joined with their neighbours

std::string bar_title(const GanttBar& bar, std::size_t events, const std::string& first) {
  const std::string what =
      events == 1
          ? first
          : fmt::format("{}{}: {} events from {}", bar.category,
                        bar.microbatch >= 0 ? fmt::format(" of microbatch {}", bar.microbatch) : "", events, first);
  return fmt::format("{}\n{} to {}: {}", what, seconds_text(bar.start_s), seconds_text(bar.end_s),
                     seconds_text(bar.end_s - bar.start_s));
}

// Collects the events of one track into bars.
class Track {
 public:
  Track(std::size_t track, double joined_gap_s) : track_(track), joined_gap_s_(joined_gap_s) {}

  void add(const TraceSpan& span, std::int32_t microbatch, std::vector<GanttBar>& bars) {
    const bool same_task = events_ > 0 && microbatch == bar_.microbatch &&
                           (span.category == bar_.category || span.category == "memory") &&
                           span.start_s - bar_.end_s <= joined_gap_s_ && span.category != "transfer";
    if (!same_task) {
      finish(bars);
      bar_ = {.track = track_, .category = span.category, .microbatch = microbatch, .start_s = span.start_s};
      first_ = span.name;
    }
    bar_.end_s = span.end_s;
    ++events_;
  }

  void finish(std::vector<GanttBar>& bars) {
    if (events_ == 0) return;
    bar_.title = bar_title(bar_, events_, first_);
    bars.push_back(bar_);
    events_ = 0;
  }

 private:
  std::size_t track_;
  double joined_gap_s_;
  GanttBar bar_;
  std::string first_;
  std::size_t events_ = 0;
};

std::int32_t microbatch_of(const Program& program, const TimelineEvent& event) {
  return program.devices[event.device].instructions[static_cast<std::size_t>(event.instruction)].microbatch;
}

std::string_view color_of(std::string_view category) {
  if (category == "forward") return "#5b8fd9";
  if (category == "backward") return "#e0a04a";
  if (category == "update") return "#63b17c";
  if (category == "transfer") return "#b07cc6";
  return "#9aa3ad";
}

std::string letter_of(const GanttBar& bar) {
  if (bar.category == "update") return "U";
  if (bar.microbatch < 0 || (bar.category != "forward" && bar.category != "backward")) return "";
  return fmt::format("{}{}", bar.category == "forward" ? 'F' : 'B', bar.microbatch);
}

void draw_axis(SvgWriter& svg, const Gantt& gantt, double height) {
  for (const double tick : time_ticks(gantt.step_time_s)) {
    const double x = kLabelWidth + tick / gantt.step_time_s * kChartWidth;
    svg.line(x, 0.0, x, height - kAxisHeight + 4.0, "grid");
    svg.text(x, height - 6.0, "middle", tick == 0.0 ? "0" : seconds_text(tick), "small");
  }
}

// Bars too narrow to see are drawn as one with the next of their colour.
void draw_bars(SvgWriter& svg, const Gantt& gantt, std::size_t tracks) {
  const double scale = kChartWidth / gantt.step_time_s;
  std::vector<double> drawn_to(gantt.tracks.size(), -1.0);
  for (const GanttBar& bar : gantt.bars) {
    if (bar.track >= tracks) continue;
    const double left = kLabelWidth + bar.start_s * scale;
    const double right = std::max(kLabelWidth + bar.end_s * scale, left + kLeastBar);
    if (right - drawn_to[bar.track] < kLeastBar) continue;
    drawn_to[bar.track] = right;
    const double y = static_cast<double>(bar.track) * kRowHeight + 3.0;
    svg.rect({left, y, right - left, kRowHeight - 6.0}, color_of(bar.category), bar.title);
    const std::string letter = letter_of(bar);
    constexpr double kLetterWidth = 8.0;
    if (!letter.empty() && right - left > kLetterWidth * static_cast<double>(letter.size())) {
      svg.text((left + right) / 2.0, y + 14.0, "middle", letter, "bar");
    }
  }
}

}  // namespace

Gantt gantt_of(const Program& program, const Cluster& cluster, const Simulation& simulation) {
  Trace trace = trace_of(program, cluster, simulation);
  Gantt gantt{.tracks = std::move(trace.tracks), .devices = program.devices.size(), .bars = {}};
  gantt.step_time_s = simulation.step_time_s;
  std::vector<Track> tracks;
  for (std::size_t t = 0; t < gantt.tracks.size(); ++t) tracks.emplace_back(t, simulation.step_time_s * 1e-4);
  for (std::size_t i = 0; i < trace.spans.size() && i < simulation.events.size(); ++i) {
    const TraceSpan& span = trace.spans[i];
    tracks[span.track].add(span, microbatch_of(program, simulation.events[i]), gantt.bars);
  }
  for (Track& track : tracks) track.finish(gantt.bars);
  std::stable_sort(gantt.bars.begin(), gantt.bars.end(),
                   [](const GanttBar& a, const GanttBar& b) { return a.start_s < b.start_s; });
  return gantt;
}

std::vector<double> time_ticks(double end_s) {
  constexpr double kWanted = 8.0;
  if (!(end_s > 0.0)) return {0.0};
  const double power = std::pow(10.0, std::floor(std::log10(end_s / kWanted)));
  double distance = power * 10.0;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= end_s / kWanted) {
      distance = power * factor;
      break;
    }
  }
  std::vector<double> ticks;
  for (int i = 0; distance * i <= end_s * (1.0 + 1e-9); ++i) ticks.push_back(distance * i);
  return ticks;
}

std::string gantt_svg(const Gantt& gantt, std::size_t max_tracks) {
  const std::size_t tracks = std::min(gantt.tracks.size(), max_tracks);
  const std::size_t hidden = gantt.tracks.size() - tracks;
  const double height = static_cast<double>(tracks + (hidden > 0 ? 1 : 0)) * kRowHeight + kAxisHeight;
  SvgWriter svg(kLabelWidth + kChartWidth + 30.0, height, "Timeline of one step");
  if (gantt.step_time_s > 0.0) {
    draw_axis(svg, gantt, height);
    draw_bars(svg, gantt, tracks);
  }
  for (std::size_t t = 0; t < tracks; ++t) {
    const double y = static_cast<double>(t) * kRowHeight + 17.0;
    svg.text(kLabelWidth - 8.0, y, "end", gantt.tracks[t], t < gantt.devices ? "track" : "track link");
  }
  if (hidden > 0) {
    svg.text(kLabelWidth, static_cast<double>(tracks) * kRowHeight + 17.0, "start",
             fmt::format("{} more devices and links are not drawn", hidden), "small");
  }
  return std::move(svg).take();
}

}  // namespace mp
