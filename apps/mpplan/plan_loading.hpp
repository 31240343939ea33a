// A plan and its model, read and compiled: what simulate and compare start from.
#pragma once

#include <string>

#include "apps/common/values.hpp"
#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {

struct LoadedPlan {
  Plan plan;
  PreparedPlan prepared;
};

// Throws InputError where the plan, its model or their fit is wrong, also where the model's file is not the one the
// plan was made for.
[[nodiscard]] LoadedPlan load_plan(const std::string& path, const StepFlags& flags);

}  // namespace mp::apps
