// Which schedule a placement runs fastest under, within the devices' memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

struct ScheduleTrial {
  Schedule schedule = Schedule::k1f1b;
  std::int32_t alive_limit = 0;  // as Plan::alive_limit
  bool fits = true;              // into the memory of every device
  Prediction predicted;
};

// Compiles the plan under each of `schedules` (at least one) and simulates it on `cluster`: the plan's, with measured
// times perhaps. One that does not fit is tried with fewer
// microbatches alive, as many as fit. Returned are all, in the order of `schedules`.
[[nodiscard]] std::vector<ScheduleTrial> try_schedules(const Model& model, const Plan& plan, const Cluster& cluster,
                                                       std::span<const Schedule> schedules);

// The fastest of those that fit, else of all; of equally fast ones (to nine digits) the one that needs least memory on
// its fullest device, then the first.
[[nodiscard]] const ScheduleTrial& best_schedule(std::span<const ScheduleTrial> trials);

}  // namespace mp
