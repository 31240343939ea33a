#include "apps/common/plan_with_model.hpp"

#include <fmt/core.h>

#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/paths.hpp"
#include "lib/files/plan_file.hpp"

namespace mp::apps {

PlanWithModel read_plan_with_model(const std::string& path) {
  Plan plan = read_plan(path);
  std::string model_path = path_from_file(path, plan.model_path);
  ModelFile file = read_model(model_path);
  if (!plan.model_sha256.empty() && plan.model_sha256 != file.sha256) {
    throw InputError(
        path, Issue{"/model/sha256", fmt::format("the plan was made for another version of {} (SHA-256 {}…, now {}…); "
                                                 "plan it again: mpplan partition {} --devices {} -o {}",
                                                 model_path, plan.model_sha256.substr(0, 12), file.sha256.substr(0, 12),
                                                 model_path, plan.cluster.devices.size(), path)});
  }
  return {.plan = std::move(plan), .model = std::move(file.model), .model_path = std::move(model_path)};
}

}  // namespace mp::apps
