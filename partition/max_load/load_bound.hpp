// Proved: no placement, pipeline or not, has a smaller largest load.
#pragma once

#include <functional>

#include "partition/max_load/load_problem.hpp"
#include "partition/max_load/packing_bound.hpp"

namespace mp::partition {

// Whether it is proved that every placement loads some device with `limit` seconds or more. For the sake of
// contradiction let all loads be below the limit; then
//  - a unit is on no class of devices on which it takes the limit, alone or with transfers it cannot avoid there;
//  - two units whose tensor is too dear to move for one of them share a device, and are one unit from then on;
//  - two units that are too much for one device of any class are on different ones, and pay for their tensors;
// until nothing follows any more. It is refuted when a unit has no place left, or the work is more than the devices
// offer (WorkBound), or more units than devices are too heavy to share one; or, with columns of effort, when units with
// their share of such transfers cannot be packed into the devices (cannot_pack), or none of the placements that are
// left is below the limit (no_placement_below).
[[nodiscard]] bool refutes_load_below(const LoadProblem& problem, double limit,
                                      const PackingEffort& effort = {.columns = 0});

// The largest limit so refuted at once (without effort), between the bound by work and `above_s`, which some placement
// reaches. At most above_s.
[[nodiscard]] double quick_load_bound(const LoadProblem& problem, double above_s);

// The same with effort: by covering the units with sets (CoverBound), and where that does not reach `above_s`, by
// packing and by trying (to five digits). above_s itself is returned where no placement is below it.
[[nodiscard]] double load_lower_bound(
    const LoadProblem& problem, double above_s, const std::function<bool()>& stop = [] { return false; });

}  // namespace mp::partition
