// A plan to look at: what `mpplan report` writes.
#pragma once

#include <string>

#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/program/simulate.hpp"

namespace mp {

struct ReportInput {
  const Plan& plan;
  const PreparedPlan& prepared;
  const Prediction& prediction;  // of the program as prepared
  const Simulation& simulation;
};

// One self-contained page (HTML 5, no script or style from elsewhere: it opens offline): the figures, the timeline of
// one step, memory over time, the graph coloured by device, the cut tensors by bytes, the devices, and the placements
// the planner has tried beside the chosen one.
[[nodiscard]] std::string html_report(const ReportInput& input);

// The same in words and tables, for a pull request or a wiki (GitHub-flavoured Markdown).
[[nodiscard]] std::string markdown_report(const ReportInput& input);

// The graph alone: a picture that carries its own style, and for Graphviz.
[[nodiscard]] std::string svg_report(const ReportInput& input);
[[nodiscard]] std::string dot_report(const ReportInput& input);

}  // namespace mp
