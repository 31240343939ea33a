// A plan and the model it was made for.
#pragma once

#include <string>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"

namespace mp::apps {

struct PlanWithModel {
  Plan plan;
  Model model;        // in parts, where the plan splits nodes
  Model whole_model;  // as its file has it
  std::string model_path;  // seen from the working directory
};

// The model as the plan runs it, nodes that it splits and stages that are split inside their nodes in parts; `bindings` over the plan's, and those over the model's. Throws InputError (the plan's
// file, /splits) for splits that the model does not allow.
[[nodiscard]] Model model_of_plan(const Plan& plan, const Model& whole, const std::string& plan_path,
                                  const std::string& model_path, const Bindings& bindings = {});

// Reads the plan, then its model from beside it. Throws InputError where either is bad, or where the model file is not
// the one that the plan was made for.
[[nodiscard]] PlanWithModel read_plan_with_model(const std::string& path);

// The same, or a model alone: then a plan that puts all of it on one device.
[[nodiscard]] PlanWithModel read_plan_or_model(const std::string& path);

}  // namespace mp::apps
