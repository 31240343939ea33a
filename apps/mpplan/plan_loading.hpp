// A plan and its model, read and compiled: what simulate, report and compare start from.
#pragma once

#include <memory>
#include <string>

#include "apps/common/command_line.hpp"
#include "apps/common/plan_with_model.hpp"
#include "apps/common/values.hpp"
#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {

struct LoadedPlan {
  Plan plan;
  PreparedPlan prepared;
};

// --nccl: the program that mprun train --nccl runs.
void add_nccl_flag(CLI::App& command, bool& nccl);

// `nccl`: as that flag says. Throws InputError where the plan, its model or their fit is wrong, also where the model's
// file is not the one the plan was made for.
[[nodiscard]] LoadedPlan load_plan(const std::string& path, const StepFlags& flags, bool nccl = false);

// The same, not compiled: for plans whose Program may be too large.
struct LoadedStep {
  std::unique_ptr<const PlanWithModel> input;  // whose cluster the step refers to
  PreparedStep step;
};
[[nodiscard]] LoadedStep load_step(const std::string& path, const StepFlags& flags, bool nccl);

}  // namespace mp::apps
