#include "apps/mpplan/schedule_choice.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <string>
#include <vector>

#include "apps/common/table.hpp"
#include "lib/plan/choose_schedule.hpp"
#include "lib/plan/predict.hpp"

namespace mp::apps {
namespace {

std::string text_of(const ScheduleTrial& trial) {
  std::string text = fmt::format("{} {}", name_of(trial.schedule), seconds_text(trial.predicted.step_time_s));
  if (trial.alive_limit > 0) text += fmt::format(" with {} alive", trial.alive_limit);
  return trial.fits ? text : text + " (does not fit)";
}

}  // namespace

void complete_schedule(const PartitionOptions& options, const Model& model, const Cluster& cluster, Plan& plan) {
  const bool choose = options.step.wants_auto_schedule();
  if (!choose && overfull_devices(*plan.predicted, plan.cluster).empty()) return;
  std::vector<Schedule> schedules(kSchedules.begin(), kSchedules.end());
  if (!choose) schedules = {plan.schedule};
  const std::vector<ScheduleTrial> trials = try_schedules(model, plan, cluster, schedules);
  const ScheduleTrial& best = best_schedule(trials);
  if (choose && !options.json) {
    std::string tried;
    for (const ScheduleTrial& trial : trials) tried += (tried.empty() ? "" : ", ") + text_of(trial);
    fmt::print(stderr, "schedules tried: {}\n", tried);
  }
  plan.schedule = best.schedule;
  plan.alive_limit = best.alive_limit;
  plan.predicted = best.predicted;
}

}  // namespace mp::apps
