#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "lib/report/gantt.hpp"
#include "lib/report/graph_pictures.hpp"
#include "lib/report/graph_view.hpp"
#include "lib/report/memory_chart.hpp"
#include "lib/report/page_style.hpp"
#include "lib/report/report.hpp"
#include "lib/report/svg.hpp"
#include "lib/report/tables.hpp"

namespace mp {
namespace {

constexpr std::size_t kMostRows = 40;
constexpr std::size_t kMostBoxes = 1500;
constexpr std::size_t kMostTracks = 64;

void write_table(std::string& page, const ReportTable& table) {
  if (table.rows.empty() && table.note.empty()) return;
  fmt::format_to(std::back_inserter(page), "<section>\n<h2>{}</h2>\n", escaped(table.title));
  if (!table.rows.empty()) {
    page += "<table>\n<tr>";
    for (const std::string& name : table.header) page += "<th>" + escaped(name) + "</th>";
    page += "</tr>\n";
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      page += "<tr>";
      for (std::size_t c = 0; c < table.rows[r].size(); ++c) {
        page += "<td>";
        if (c == 0 && r < table.device_of_row.size()) {
          page += fmt::format("<i class=\"swatch\" style=\"background:{}\"></i>", device_color(table.device_of_row[r]));
        }
        page += escaped(table.rows[r][c]) + "</td>";
      }
      page += "</tr>\n";
    }
    page += "</table>\n";
  }
  if (!table.note.empty()) page += "<p class=\"note\">" + escaped(table.note) + "</p>\n";
  page += "</section>\n";
}

void write_figures(std::string& page, const ReportInput& input) {
  page += "<div class=\"figures\">\n";
  for (const Figure& figure : report_figures(input)) {
    fmt::format_to(std::back_inserter(page), "<div><b>{}</b><span>{}</span></div>\n", escaped(figure.value),
                   escaped(figure.name));
  }
  page += "</div>\n";
}

std::vector<MemoryCurve> memory_curves(const ReportInput& input) {
  std::vector<MemoryCurve> curves;
  const Program& program = input.prepared.program;
  for (const DeviceId d : ids<DeviceId>(std::min(program.devices.size(), kMostTracks))) {
    curves.push_back({.name = "device " + input.plan.cluster.devices[d].name,
                      .device = index(d),
                      .points = memory_over_time(program, input.simulation, d),
                      .arena_bytes = program.devices[d].arena_bytes,
                      .limit_bytes = input.plan.cluster.type_of(d).memory_bytes});
  }
  return curves;
}

void write_legend(std::string& page, const ReportInput& input) {
  page += "<p class=\"legend\" id=\"devices-legend\">";
  for (const DeviceId d : ids<DeviceId>(std::min(input.plan.cluster.devices.size(), kMostTracks))) {
    fmt::format_to(std::back_inserter(page),
                   "<span data-color=\"{0}\"><i class=\"swatch\" style=\"background:{0}\"></i>{1}</span>",
                   device_color(index(d)), escaped(input.plan.cluster.devices[d].name));
  }
  page += "</p>\n";
}

void write_picture(std::string& page, std::string_view id, std::string_view title, std::string_view note,
                   std::string_view svg) {
  fmt::format_to(std::back_inserter(page),
                 "<section id=\"{}\">\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"scroll\">\n{}</div>\n</section>\n", id,
                 title, note, svg);
}

void write_graph(std::string& page, const ReportInput& input) {
  const GraphView view = view_of(input.prepared.program, input.prepared.units, kMostBoxes);
  page +=
      "<section id=\"graph\">\n<h2>The graph, by device</h2>\n<p>Red edges are cut; their width tells of their "
      "bytes. A click on a device shows it alone.</p>\n";
  write_legend(page, input);
  page += "<div class=\"scroll\">\n" + graph_svg(view, input.plan.cluster) + "</div>\n</section>\n";
}

std::string standalone(std::string svg) {
  svg.insert(svg.find('\n') + 1, fmt::format("<style>{}</style>\n", kPictureStyle));
  return svg;
}

}  // namespace

std::string html_report(const ReportInput& input) {
  const std::string title = escaped(report_title(input));
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{1}{2}</style>\n</head>\n<body>\n"
      "<h1>{0}</h1>\n<p>{3}</p>\n",
      title, kPictureStyle, kPageStyle, escaped(input.plan.cluster.name));
  write_figures(page, input);
  const Gantt gantt = gantt_of(input.prepared.program, input.plan.cluster, input.simulation);
  write_picture(page, "timeline", "Timeline of one step",
                "F: forward, B: backward, with the number of the microbatch; U: update; then the links.",
                gantt_svg(gantt, kMostTracks));
  write_picture(page, "memory", "Memory over the step",
                "Live bytes of each device; beside it the arena that the runtime allocates.",
                memory_svg(memory_curves(input), input.simulation.step_time_s, input.prepared.program.devices.size()));
  write_graph(page, input);
  write_table(page, devices_table(input));
  write_table(page, cut_table(input, kMostRows));
  write_table(page, links_table(input, kMostRows));
  write_table(page, alternatives_table(input));
  return page + fmt::format("<script>{}</script>\n</body>\n</html>\n", kPageScript);
}

std::string svg_report(const ReportInput& input) {
  return standalone(graph_svg(view_of(input.prepared.program, input.prepared.units, kMostBoxes), input.plan.cluster));
}

std::string dot_report(const ReportInput& input) {
  return graph_dot(view_of(input.prepared.program, input.prepared.units, kMostBoxes), input.plan.cluster,
                   input.prepared.program.training.graph.name());
}

}  // namespace mp
