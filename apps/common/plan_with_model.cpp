#include "apps/common/plan_with_model.hpp"

#include <fmt/core.h>

#include <utility>

#include "lib/base/error.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/paths.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/stage_parts.hpp"

namespace mp::apps {
namespace {

// What the file says it is; empty where it says nothing, which the reader of plans will complain of.
std::string format_of(const std::string& path) {
  JsonDocument document(read_file(path), path);
  const JsonValue root = document.root();
  if (root.kind() != JsonKind::kObject) return "";
  const JsonValue format = root.open_object()["format"];
  return format.kind() == JsonKind::kString ? format.string() : "";
}

// The model as the plan runs it: nodes that it splits, and stages that are split inside their nodes, in parts.
Model model_of_plan(const Plan& plan, const Model& whole, const std::string& plan_path, const std::string& model_path,
                    const Bindings& bindings) {
  Bindings all = bindings;
  all.insert(plan.bindings.begin(), plan.bindings.end());
  try {
    return model_in_stage_parts(model_in_parts(whole, plan.splits, model_path, all), plan.stages);
  } catch (const UsageError& error) {
    throw InputError(plan_path, Issue{"/splits", error.what()});
  }
}

// Microbatches that do not fit are the fault of the plan's file where the options do not ask for them.
auto blaming_the_plan(const PrepareOptions& options, const auto& prepare_it) {
  try {
    return prepare_it();
  } catch (const UsageError& error) {
    if (options.microbatches || options.bindings.contains(kBatchDimension)) throw;
    throw InputError(options.plan_source, Issue{"/microbatches", error.what()});
  }
}

}  // namespace

PlanWithModel read_plan_with_model(const std::string& path, const Bindings& bindings) {
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
  Model model = model_of_plan(plan, file.model, path, model_path, bindings);
  return {.plan = std::move(plan),
          .model = std::move(model),
          .whole_model = std::move(file.model),
          .model_path = std::move(model_path)};
}

PlanWithModel read_plan_or_model(const std::string& path) {
  if (format_of(path) != kModelFormat) return read_plan_with_model(path);
  PlanWithModel result{.plan = {}, .model = read_model(path).model, .whole_model = {}, .model_path = path};
  result.plan.model_path = path;
  result.plan.model_name = result.model.name;
  result.plan.cluster = uniform_cluster(1);
  for (const ModelNode& node : result.model.nodes) result.plan.assignment.emplace_back(node.name, DeviceId{0});
  for (ModelNode& node : result.model.nodes) node.device.reset();
  return result;
}

PreparedPlan prepare_read(const PlanWithModel& input, const PrepareOptions& options) {
  return blaming_the_plan(options, [&] { return prepare(input.plan, input.model, options); });
}

PreparedStep prepare_step_read(const PlanWithModel& input, const PrepareOptions& options) {
  return blaming_the_plan(options, [&] { return prepare_step(input.plan, input.model, options); });
}

}  // namespace mp::apps
