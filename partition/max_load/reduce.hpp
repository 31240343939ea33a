// Units without weight go where they cost nothing: fewer units, the same optimum.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct Reduction {
  LoadProblem problem;
  std::vector<std::int32_t> group_of;  // of every unit of the problem that was reduced
};

// A unit x that takes no time and no memory is merged with a unit y that it shares tensors with, when nothing else
// reaches x: y reads every tensor x makes (where it costs anything to move), and makes or reads every such tensor x
// reads. Moving x to y's device then makes no device busier: y's device had received what it now sends, or held it. So
// the optimum stays the same. With `keep_order`, pipelines stay pipelines: y follows x and precedes everything else
// that follows x, or the reverse; problem.order must have no cycle then.
[[nodiscard]] Reduction absorb_weightless(const LoadProblem& problem, bool keep_order);

}  // namespace mp::partition
