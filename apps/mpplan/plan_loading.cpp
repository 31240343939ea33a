#include "apps/mpplan/plan_loading.hpp"

#include <utility>

namespace mp::apps {
namespace {

PrepareOptions options_of(const StepFlags& flags, bool nccl, const std::string& path, const std::string& model_path) {
  return {.optimizer = flags.chosen_optimizer(),
          .precision = flags.chosen_precision(),
          .microbatches = flags.microbatches,
          .schedule = flags.chosen_schedule(),
          .bindings = flags.bindings(),
          .collectives = nccl,
          .plan_source = path,
          .model_source = model_path};
}

}  // namespace

void add_nccl_flag(CLI::App& command, bool& nccl) {
  command.add_flag("--nccl", nccl, "As mprun train --nccl runs it: replicas exchange by NCCL's collectives");
}

LoadedPlan load_plan(const std::string& path, const StepFlags& flags, bool nccl) {
  PlanWithModel input = read_plan_with_model(path, flags.bindings());
  PreparedPlan prepared = prepare_read(input, options_of(flags, nccl, path, input.model_path));
  return {.plan = std::move(input.plan), .prepared = std::move(prepared)};
}

LoadedStep load_step(const std::string& path, const StepFlags& flags, bool nccl) {
  auto input = std::make_unique<const PlanWithModel>(read_plan_with_model(path, flags.bindings()));
  PreparedStep step = prepare_step_read(*input, options_of(flags, nccl, path, input->model_path));
  return {.input = std::move(input), .step = std::move(step)};
}

}  // namespace mp::apps
