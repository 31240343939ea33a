#include "lib/report/memory_chart.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/quantities.hpp"
#include "lib/report/gantt.hpp"
#include "lib/report/svg.hpp"

namespace mp {
namespace {

constexpr double kLabelWidth = 130.0;
constexpr double kChartWidth = 1040.0;
constexpr double kRowHeight = 64.0;
constexpr double kPlotHeight = 54.0;
constexpr double kAxisHeight = 24.0;

// Steps; of all points within one pixel the highest is drawn.
std::string outline(const MemoryCurve& curve, double step_time_s, double top, double bytes_at_top) {
  const auto x = [&](double time_s) { return kLabelWidth + time_s / step_time_s * kChartWidth; };
  const auto y = [&](std::int64_t bytes) {
    return top + kPlotHeight * (1.0 - static_cast<double>(bytes) / bytes_at_top);
  };
  std::string path = fmt::format("M{:.1f},{:.1f}", kLabelWidth, y(0));
  for (std::size_t i = 0; i < curve.points.size();) {
    const double left = x(curve.points[i].time_s);
    std::int64_t highest = 0;
    for (; i < curve.points.size() && x(curve.points[i].time_s) < left + 1.0; ++i) {
      highest = std::max(highest, curve.points[i].bytes);
    }
    const double right = i < curve.points.size() ? x(curve.points[i].time_s) : kLabelWidth + kChartWidth;
    fmt::format_to(std::back_inserter(path), " L{0:.1f},{1:.1f} L{2:.1f},{1:.1f}", left, y(highest), right);
  }
  return path + fmt::format(" L{:.1f},{:.1f} Z", kLabelWidth + kChartWidth, y(0));
}

void draw_curve(SvgWriter& svg, const MemoryCurve& curve, double step_time_s, double top, double bytes_at_top) {
  if (step_time_s > 0.0) svg.area(outline(curve, step_time_s, top, bytes_at_top), device_color(curve.device));
  svg.line(kLabelWidth, top + kPlotHeight, kLabelWidth + kChartWidth, top + kPlotHeight, "grid");
  if (curve.limit_bytes > 0 && static_cast<double>(curve.limit_bytes) <= bytes_at_top) {
    const double y = top + kPlotHeight * (1.0 - static_cast<double>(curve.limit_bytes) / bytes_at_top);
    svg.line(kLabelWidth, y, kLabelWidth + kChartWidth, y, "limit");
  }
  svg.text(kLabelWidth - 8.0, top + 24.0, "end", curve.name, "track");
  svg.text(kLabelWidth - 8.0, top + 42.0, "end",
           curve.limit_bytes > 0 ? fmt::format("{} of {}", bytes_text(curve.arena_bytes), bytes_text(curve.limit_bytes))
                                 : bytes_text(curve.arena_bytes),
           "small");
}

}  // namespace

std::string memory_svg(const std::vector<MemoryCurve>& curves, double step_time_s, std::size_t devices) {
  const double height = static_cast<double>(curves.size()) * kRowHeight + kAxisHeight;
  SvgWriter svg(kLabelWidth + kChartWidth + 30.0, height, "Memory of each device over one step");
  std::int64_t highest = 1;
  for (const MemoryCurve& curve : curves) highest = std::max(highest, curve.arena_bytes);
  constexpr double kHeadroom = 1.08;
  for (std::size_t c = 0; c < curves.size(); ++c) {
    draw_curve(svg, curves[c], step_time_s, static_cast<double>(c) * kRowHeight + 4.0,
               static_cast<double>(highest) * kHeadroom);
  }
  if (step_time_s > 0.0) {
    for (const double tick : time_ticks(step_time_s)) {
      const double x = kLabelWidth + tick / step_time_s * kChartWidth;
      svg.text(x, height - 6.0, "middle", tick == 0.0 ? "0" : seconds_text(tick), "small");
    }
  }
  if (curves.size() < devices) {
    svg.text(kLabelWidth - 8.0, height - 6.0, "end", fmt::format("and {} more", devices - curves.size()), "small");
  }
  return std::move(svg).take();
}

}  // namespace mp
