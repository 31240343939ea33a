// Local search on a plan: units move between devices as long as the simulated step gets shorter.
#pragma once

#include <cstdint>
#include <functional>

#include "partition/search/step_judge.hpp"

namespace mp::partition {

struct ImproveLimits {
  std::int64_t most_instructions = 0;   // that the judge may make in all (StepJudge::instructions())
  std::function<bool()> out_of_time{};  // empty: never
};

// Hill climbing by moves that each leave a whole plan: a unit, or a run of units along the model, to the device of a
// unit it exchanges tensors with; all units of two devices exchanged. From the busiest devices to the idle ones first.
// Placements need not stay contiguous. The result is `start` or better; deterministic unless time runs out.
[[nodiscard]] JudgedPlan improve_plan(StepJudge& judge, JudgedPlan start, const ImproveLimits& limits);

}  // namespace mp::partition
