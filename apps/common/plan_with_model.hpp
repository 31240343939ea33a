// A plan's file and the model it was made for.
#pragma once

#include <string>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {

struct PlanWithModel {
  Plan plan;
  Model model;             // in parts, where the plan splits nodes
  Model whole_model;       // as its file has it
  std::string model_path;  // seen from the working directory
};

// Reads the plan, then its model from beside it; `bindings` go before the plan's, and those before the model's. Throws
// InputError where either is bad, where the splits are not what the model allows (the plan's file, /splits), or where
// the model file is not the one that the plan was made for.
[[nodiscard]] PlanWithModel read_plan_with_model(const std::string& path, const Bindings& bindings = {});

// The same, or a model alone: then a plan that puts all of it on one device.
[[nodiscard]] PlanWithModel read_plan_or_model(const std::string& path);

// prepare(); microbatches that do not fit the batch or the replicas are the fault of the plan's file (InputError) where
// the options do not ask for them.
[[nodiscard]] PreparedPlan prepare_read(const PlanWithModel& input, const PrepareOptions& options);

// prepare_step(), likewise.
[[nodiscard]] PreparedStep prepare_step_read(const PlanWithModel& input, const PrepareOptions& options);

}  // namespace mp::apps
