// A simulated step as people draw it: a line of text per device, F0 F1 … B0 … along the time.
#pragma once

#include <string>

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"

namespace mp {

// Columns are equally long, at most `columns` of them, fewer where fewer tell the passes apart:
//   0  F0-F1-F2-........B0---B1---B2---U-
//   1  ...F0-B0---F1-B1---F2-B2---U-.....
// F forward, B backward (where weight gradients are apart: without them), W weight gradients, each with its microbatch;
// U updates. A dot: no work. A pass shorter than a column gets what room there is; none, where another begins there.
[[nodiscard]] std::string schedule_grid(const Program& program, const Cluster& cluster, const Simulation& simulation,
                                        std::size_t columns);

}  // namespace mp
