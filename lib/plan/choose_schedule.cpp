#include "lib/plan/choose_schedule.hpp"

#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/plan/predict.hpp"
#include "lib/plan/prepare.hpp"

namespace mp {
namespace {

ScheduleTrial tried(const Model& model, Plan plan, const Cluster& cluster, Schedule schedule,
                    std::int32_t alive_limit) {
  plan.schedule = schedule;
  plan.alive_limit = alive_limit;
  const PreparedPlan prepared = prepare(plan, model);
  ScheduleTrial trial{.schedule = schedule,
                      .alive_limit = alive_limit,
                      .predicted = predict(prepared.program, prepared.units, cluster)};
  trial.fits = overfull_devices(trial.predicted, plan.cluster).empty();
  return trial;
}

// More microbatches alive need more memory: bisection between one and all.
ScheduleTrial most_alive_that_fit(const Model& model, const Plan& plan, const Cluster& cluster, Schedule schedule) {
  ScheduleTrial fitting = tried(model, plan, cluster, schedule, 1);
  if (!fitting.fits) return fitting;
  std::int32_t too_many = plan.microbatches;
  while (too_many - fitting.alive_limit > 1) {
    const std::int32_t middle = fitting.alive_limit + (too_many - fitting.alive_limit) / 2;
    ScheduleTrial trial = tried(model, plan, cluster, schedule, middle);
    if (trial.fits) {
      fitting = std::move(trial);
    } else {
      too_many = middle;
    }
  }
  return fitting;
}

std::int64_t most_memory_bytes(const ScheduleTrial& trial) {
  std::int64_t most = 0;
  for (const DevicePrediction& device : trial.predicted.devices) most = std::max(most, device.memory_bytes);
  return most;
}

}  // namespace

std::vector<ScheduleTrial> try_schedules(const Model& model, const Plan& plan, const Cluster& cluster,
                                         std::span<const Schedule> schedules) {
  std::vector<ScheduleTrial> trials;
  for (const Schedule schedule : schedules) {
    ScheduleTrial trial = tried(model, plan, cluster, schedule, plan.alive_limit);
    if (!trial.fits && plan.microbatches > 1) trial = most_alive_that_fit(model, plan, cluster, schedule);
    trials.push_back(std::move(trial));
  }
  return trials;
}

const ScheduleTrial& best_schedule(std::span<const ScheduleTrial> trials) {
  constexpr double kAsFast = 1.0 + 1e-9;
  MP_CHECK(!trials.empty());
  const ScheduleTrial* best = &trials.front();
  for (const ScheduleTrial& trial : trials) {
    const double step_s = trial.predicted.step_time_s;
    const double best_s = best->predicted.step_time_s;
    const bool as_fast = step_s <= best_s * kAsFast && best_s <= step_s * kAsFast;
    const bool better = as_fast ? most_memory_bytes(trial) < most_memory_bytes(*best) : step_s < best_s;
    if (trial.fits != best->fits ? trial.fits : better) best = &trial;
  }
  return *best;
}

}  // namespace mp
