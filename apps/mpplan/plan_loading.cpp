#include "apps/mpplan/plan_loading.hpp"

#include <utility>

#include "apps/common/plan_with_model.hpp"

namespace mp::apps {

LoadedPlan load_plan(const std::string& path, const StepFlags& flags) {
  const Bindings bindings = flags.bindings();
  PlanWithModel input = read_plan_with_model(path, bindings);
  PreparedPlan prepared = prepare_read(input, {.optimizer = flags.chosen_optimizer(),
                                               .precision = flags.chosen_precision(),
                                               .microbatches = flags.microbatches,
                                               .schedule = flags.chosen_schedule(),
                                               .bindings = bindings,
                                               .plan_source = path,
                                               .model_source = input.model_path});
  return {.plan = std::move(input.plan), .prepared = std::move(prepared)};
}

}  // namespace mp::apps
