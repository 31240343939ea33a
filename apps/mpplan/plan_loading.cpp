#include "apps/mpplan/plan_loading.hpp"

#include <fmt/core.h>

#include "apps/common/plan_with_model.hpp"
#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/paths.hpp"
#include "lib/files/plan_file.hpp"

namespace mp::apps {

LoadedPlan load_plan(const std::string& path, const StepFlags& flags) {
  Plan plan = read_plan(path);
  const std::string model_path = path_from_file(path, plan.model_path);
  const ModelFile file = read_model(model_path);
  if (!plan.model_sha256.empty() && plan.model_sha256 != file.sha256) {
    throw InputError(
        path, Issue{"/model", fmt::format("{} has changed since this plan was made (SHA-256 {}…, the plan "
                                          "says {}…): plan it again with mpplan partition",
                                          model_path, file.sha256.substr(0, 12), plan.model_sha256.substr(0, 12))});
  }
  PrepareOptions options;
  options.optimizer = flags.chosen_optimizer();
  options.precision = flags.chosen_precision();
  options.microbatches = flags.microbatches;
  options.schedule = flags.chosen_schedule();
  options.bindings = flags.bindings();
  options.plan_source = path;
  options.model_source = model_path;
  const Model model = model_of_plan(plan, file.model, path, model_path, options.bindings);
  PreparedPlan prepared = prepare(plan, model, options);
  return {.plan = std::move(plan), .prepared = std::move(prepared)};
}

}  // namespace mp::apps
