// A plan and its model, read and compiled: what simulate, report and compare start from.
#pragma once

#include <memory>
#include <string>

#include "apps/common/plan_with_model.hpp"
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

// The same, not compiled: for plans whose Program may be too large.
struct LoadedStep {
  std::unique_ptr<const PlanWithModel> input;  // whose cluster the step refers to
  PreparedStep step;
};
[[nodiscard]] LoadedStep load_step(const std::string& path, const StepFlags& flags);

}  // namespace mp::apps
