// What mpplan partition --objective step-time prints: for people, and for programs (design, section 6).
#pragma once

#include <string>

#include "lib/plan/plan.hpp"
#include "partition/search/step_search.hpp"

namespace mp::apps {

struct StepTimeReport {
  std::string output;
  const Plan& plan;  // with its prediction
  const partition::StepSearch& found;
  bool has_loss = false;  // the model's: without one the plan trains nothing
  double seconds = 0.0;   // of the whole command
};

[[nodiscard]] std::string step_time_text(const StepTimeReport& report);
[[nodiscard]] std::string step_time_json(const StepTimeReport& report);

}  // namespace mp::apps
