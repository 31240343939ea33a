#include "lib/report/curves.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/report/page_style.hpp"
#include "lib/report/svg.hpp"

namespace mp {
namespace {

constexpr double kWidth = 1200.0;
constexpr double kLeft = 90.0;
constexpr double kRight = 1180.0;
constexpr double kTitleHeight = 34.0;
constexpr double kPlotHeight = 230.0;
constexpr double kAxisHeight = 30.0;
constexpr double kChartHeight = kTitleHeight + kPlotHeight + kAxisHeight;

struct ChartOf {
  std::string_view title;
  std::string_view series;
  std::string_view dashed;  // drawn over it; empty: none
};
constexpr ChartOf kCharts[] = {{"Loss", "loss", "validation_loss"},
                               {"Held-out accuracy", "validation_accuracy", ""},
                               {"Learning rate", "learning_rate", ""},
                               {"Gradient norm, before clipping", "gradient_norm", ""},
                               {"Samples per second", "samples_per_s", ""}};

constexpr std::string_view kCurveStyle = R"css(
svg .curve { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 7 4; stroke-width: 2; }
svg .hidden { display: none; }
)css";

constexpr std::string_view kCurveScript = R"js(
(function () {
  var curves = document.querySelectorAll('svg path.curve');
  document.querySelectorAll('#runs-legend span[data-run]').forEach(function (item) {
    item.addEventListener('click', function () {
      var off = item.classList.toggle('off');
      curves.forEach(function (curve) {
        if (curve.classList.contains(item.dataset.run)) curve.classList.toggle('hidden', off);
      });
    });
  });
  document.documentElement.dataset.ready = curves.length;
})();
)js";

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool is_empty() const { return low > high; }
};

std::vector<const RunSeries*> series_in(const RunHistory& run, const ChartOf& chart) {
  std::vector<const RunSeries*> series{&run.find(chart.series)};
  if (!chart.dashed.empty()) series.push_back(&run.find(chart.dashed));
  return series;
}

// What all runs together cover; a margin keeps a constant off the frame. No frame where no run has the series.
std::optional<CurveFrame> frame_of(const std::vector<RunHistory>& runs, const ChartOf& chart) {
  Range x;
  Range y;
  for (const RunHistory& run : runs) {
    for (const RunSeries* series : series_in(run, chart)) {
      for (const std::int64_t step : series->steps) x.add(static_cast<double>(step));
      for (const double value : series->values) y.add(value);
    }
  }
  if (x.is_empty()) return std::nullopt;
  constexpr double kMargin = 0.05;
  const double height = y.high - y.low;
  const double margin = height > 0.0 ? kMargin * height : std::max(std::abs(y.high) * kMargin, 1e-12);
  CurveFrame frame;
  frame.left = kLeft;
  frame.right = kRight;
  frame.first = x.low;
  frame.last = x.high > x.low ? x.high : x.low + 1.0;
  frame.low = y.low - margin;
  frame.high = y.high + margin;
  return frame;
}

double x_of(const CurveFrame& frame, double step) {
  return frame.left + (step - frame.first) / (frame.last - frame.first) * (frame.right - frame.left);
}

double y_of(const CurveFrame& frame, double value) {
  return frame.bottom - (value - frame.low) / (frame.high - frame.low) * (frame.bottom - frame.top);
}

void draw_axes(SvgWriter& svg, const CurveFrame& frame) {
  for (const double tick : axis_ticks(frame.low, frame.high, 5)) {
    svg.line(frame.left, y_of(frame, tick), frame.right, y_of(frame, tick), "grid");
    svg.text(frame.left - 8.0, y_of(frame, tick) + 4.0, "end", fmt::format("{:.6g}", tick), "small");
  }
  for (const double tick : axis_ticks(frame.first, frame.last, 10)) {
    if (tick != std::floor(tick)) continue;  // steps are whole
    svg.text(x_of(frame, tick), frame.bottom + 18.0, "middle", fmt::format("{:.0f}", tick), "small");
  }
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "grid");
}

void draw_chart(SvgWriter& svg, const std::vector<RunHistory>& runs, const ChartOf& chart, CurveFrame frame,
                double offset) {
  frame.top = offset + kTitleHeight;
  frame.bottom = frame.top + kPlotHeight;
  svg.text(frame.left, offset + 22.0, "start", chart.title, "track");
  if (!chart.dashed.empty()) svg.text(frame.right, offset + 22.0, "end", "dashed: held-out data", "small");
  draw_axes(svg, frame);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const std::vector<const RunSeries*> all = series_in(runs[r], chart);
    for (std::size_t s = 0; s < all.size(); ++s) {
      if (all[s]->steps.empty()) continue;
      svg.path(curve_path(*all[s], frame), fmt::format("curve run{}{}", r, s > 0 ? " dashed" : ""),
               fmt::format("{}: {}", runs[r].name, all[s]->name));
    }
  }
}

std::string charts(const std::vector<RunHistory>& runs) {
  std::vector<std::pair<ChartOf, CurveFrame>> shown;
  for (const ChartOf& chart : kCharts) {
    if (const std::optional<CurveFrame> frame = frame_of(runs, chart)) shown.emplace_back(chart, *frame);
  }
  SvgWriter svg(kWidth, kChartHeight * static_cast<double>(shown.size()), "Curves of training runs");
  for (std::size_t c = 0; c < shown.size(); ++c) {
    draw_chart(svg, runs, shown[c].first, shown[c].second, kChartHeight * static_cast<double>(c));
  }
  return std::move(svg).take();
}

std::string style_of(const std::vector<RunHistory>& runs) {
  std::string style(kPictureStyle);
  style += kCurveStyle;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    fmt::format_to(std::back_inserter(style), "svg .run{} {{ stroke: hsl({:.0f},62%,47%); }}\n", r, device_hue(r));
  }
  return style;
}

void write_legend(std::string& page, const std::vector<RunHistory>& runs) {
  page += "<p class=\"legend\" id=\"runs-legend\">";
  for (std::size_t r = 0; r < runs.size(); ++r) {
    fmt::format_to(
        std::back_inserter(page),
        "<span data-run=\"run{0}\"><i class=\"swatch\" style=\"background:hsl({1:.0f},62%,47%)\"></i>{2}</span>", r,
        device_hue(r), escaped(runs[r].name));
  }
  page += "</p>\n";
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void write_table(std::string& page, const std::vector<RunHistory>& runs) {
  page +=
      "<section>\n<h2>Runs</h2>\n<table>\n<tr><th>run</th><th>last step</th><th>loss</th><th>best held-out loss</th>"
      "<th>after step</th><th>samples/s (median)</th></tr>\n";
  for (const RunHistory& run : runs) {
    const RunSeries& loss = run.find("loss");
    const RunSeries& held_out = run.find("validation_loss");
    const RunSeries& speed = run.find("samples_per_s");
    const auto best = std::min_element(held_out.values.begin(), held_out.values.end());
    const bool has_best = best != held_out.values.end();
    fmt::format_to(
        std::back_inserter(page), "<tr><td>{}</td><td>{}</td><td>{:.6g}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escaped(run.name), loss.steps.back(), loss.values.back(), has_best ? fmt::format("{:.6g}", *best) : "",
        has_best ? std::to_string(held_out.steps[static_cast<std::size_t>(best - held_out.values.begin())]) : "",
        speed.values.empty() ? "" : fmt::format("{:.5g}", median(speed.values)));
  }
  page += "</table>\n</section>\n";
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int wanted) {
  constexpr double kRounding = 1e-6;  // of a step: what is left of a tick by rounding is the tick
  const double rough = (high - low) / wanted * (1.0 - kRounding);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough) step = factor * power;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - kRounding);
  const double last = std::floor(high / step + kRounding);
  for (double k = first; k <= last && ticks.size() < 100; k += 1.0) ticks.push_back(k * step);
  return ticks;
}

std::string curve_path(const RunSeries& series, const CurveFrame& frame) {
  std::string path;
  const auto point = [&](std::size_t i) {
    fmt::format_to(std::back_inserter(path), "{}{:.1f},{:.1f}", path.empty() ? "M" : " L",
                   x_of(frame, static_cast<double>(series.steps[i])), y_of(frame, series.values[i]));
  };
  for (std::size_t i = 0; i < series.steps.size();) {
    const double column = std::floor(x_of(frame, static_cast<double>(series.steps[i])));
    std::size_t lowest = i;
    std::size_t highest = i;
    for (; i < series.steps.size() && x_of(frame, static_cast<double>(series.steps[i])) < column + 1.0; ++i) {
      if (series.values[i] < series.values[lowest]) lowest = i;
      if (series.values[i] > series.values[highest]) highest = i;
    }
    point(std::min(lowest, highest));
    if (lowest != highest) point(std::max(lowest, highest));
  }
  if (series.steps.size() == 1) path += " h3";  // a dot
  return path;
}

std::string curves_svg(const std::vector<RunHistory>& runs) {
  std::string svg = charts(runs);
  svg.insert(svg.find('\n') + 1, fmt::format("<style>{}</style>\n", style_of(runs)));
  return svg;
}

std::string curves_page(const std::vector<RunHistory>& runs) {
  const std::string title = runs.size() == 1 ? escaped(runs.front().name) : fmt::format("{} runs", runs.size());
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{1}{2}</style>\n</head>\n<body>\n"
      "<h1>{0}</h1>\n<p>A click on a run hides it.</p>\n",
      title, style_of(runs), kPageStyle);
  write_legend(page, runs);
  page += "<section id=\"curves\">\n<div class=\"scroll\">\n" + charts(runs) + "</div>\n</section>\n";
  write_table(page, runs);
  return page + fmt::format("<script>{}</script>\n</body>\n</html>\n", kCurveScript);
}

}  // namespace mp
