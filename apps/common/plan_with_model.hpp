// A plan and the model it was made for.
#pragma once

#include <string>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"

namespace mp::apps {

struct PlanWithModel {
  Plan plan;
  Model model;
  std::string model_path;  // seen from the working directory
};

// Reads the plan, then its model from beside it. Throws InputError where either is bad, or where the model file is not
// the one that the plan was made for.
[[nodiscard]] PlanWithModel read_plan_with_model(const std::string& path);

// The same, or a model alone: then a plan that puts all of it on one device.
[[nodiscard]] PlanWithModel read_plan_or_model(const std::string& path);

}  // namespace mp::apps
