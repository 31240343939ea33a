// Training runs to look at: what `mprun plot` writes.
#pragma once

#include <string>
#include <vector>

#include "lib/report/run_file.hpp"

namespace mp {

// One self-contained page (HTML 5, no script or style from elsewhere): a chart each of loss (with the held-out loss
// dashed), held-out accuracy, learning rate, gradient norm and speed, all runs in each, and a table of the runs. A
// click on a run in the legend hides its curves. Charts that no run has are left out.
[[nodiscard]] std::string curves_page(const std::vector<RunHistory>& runs);

// The charts alone, as a picture that carries its own style.
[[nodiscard]] std::string curves_svg(const std::vector<RunHistory>& runs);

// Ticks of an axis that covers [low, high], low < high: about `wanted` of them within it, at 1, 2 or 5 times a power of
// ten.
[[nodiscard]] std::vector<double> axis_ticks(double low, double high, int wanted);

// The line through a series as SVG path commands: x from `left` to `right` over [first, last] steps, y from `bottom` to
// `top` over [low, high]. Of all points within a unit of x only the lowest and the highest are drawn, so that a path
// has few points however long the run is.
struct CurveFrame {
  double left = 0.0, right = 1.0, top = 0.0, bottom = 1.0;
  double first = 0.0, last = 1.0;
  double low = 0.0, high = 1.0;
};
[[nodiscard]] std::string curve_path(const RunSeries& series, const CurveFrame& frame);

}  // namespace mp
