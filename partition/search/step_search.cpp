#include "partition/search/step_search.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/plan/predict.hpp"
#include "partition/deadline.hpp"
#include "partition/model/device_limits.hpp"
#include "partition/model/partition_model.hpp"
#include "partition/search/improve_plan.hpp"
#include "partition/search/lanes.hpp"
#include "partition/search/model_chain.hpp"
#include "partition/search/part_placements.hpp"
#include "partition/search/pipeline_candidates.hpp"
#include "partition/search/search_budget.hpp"
#include "partition/search/smallest_changes.hpp"
#include "partition/search/stage_orders.hpp"
#include "partition/search/step_lower_bound.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;

class Searcher {
 public:
  Searcher(const Model& model, const std::string& source, const StepShape& shape, const Cluster& cluster,
           const StepSearchOptions& options)
      : model_(model),
        shape_(shape),
        cluster_(cluster),
        options_(options),
        budget_(search_budget(options.portfolio.effort)),
        start_(Clock::now()),
        judge_(model, source, shape, cluster) {
    result_.microbatches_tried = options.microbatches
                                     ? std::vector<std::int32_t>{*options.microbatches}
                                     : microbatch_counts(batch_of(model, shape), budget_.microbatch_counts);
  }

  StepSearch run() {
    if (!options_.lanes_alone) {
      judge_cuts();
      judge_parts();
      judge_single_devices();
      judge_stage_orders();
    }
    pipelines();
    improve();
    return conclude();
  }

  std::optional<JudgedPlan> first_fitting() {
    first_fitting_ = true;
    judge_single_devices();
    if (!best_fits()) pipelines();
    if (!best_fits()) return std::nullopt;
    return std::move(result_.plans.front());
  }

 private:
  void tell(const std::string& line) const {
    if (options_.progress) options_.progress(line);
  }

  [[nodiscard]] bool out_of_time() const {
    return !result_.plans.empty() &&
           Deadline(start_, options_.portfolio.time_limit_s, options_.portfolio.stop).passed();
  }
  [[nodiscard]] bool out_of_work() const { return judge_.instructions() >= budget_.instructions; }

  // Those to try: `first` goes alone where one takes much of the work. All do the same with one microbatch.
  [[nodiscard]] std::vector<Schedule> schedules(const StepPlan& plan, Schedule first) {
    if (options_.schedule) return {*options_.schedule};
    if (plan.microbatches == 1 || judge_.instructions_of(plan) > budget_.instructions / 8) return {first};
    return {kSchedules.begin(), kSchedules.end()};
  }

  // The plan under every schedule; the best is kept.
  void judge(StepPlan plan) {
    std::optional<JudgedPlan> best;
    for (const Schedule schedule : schedules(plan, plan.schedule)) {
      plan.schedule = schedule;
      JudgedPlan judged = with_memory_kept(judge_.judge(plan));
      if (!best || better(judged, *best)) best = std::move(judged);
    }
    result_.plans.push_back(std::move(*best));
    std::stable_sort(result_.plans.begin(), result_.plans.end(),
                     [](const JudgedPlan& a, const JudgedPlan& b) { return better(a, b); });
  }

  // Where the plan lacks memory and is promising: with as many microbatches alive as fit, if one does.
  [[nodiscard]] JudgedPlan with_memory_kept(JudgedPlan judged) {
    const bool promising = !best_fits() || judged.prediction.step_time_s < result_.plans.front().prediction.step_time_s;
    const bool may = judged.plan.microbatches > 1 && cluster_.devices.size() <= kFewDevices && !out_of_time();
    if (judged.fits() || !promising || !may || out_of_work()) return judged;
    std::int32_t too_many = judged.plan.alive_limit > 0 ? judged.plan.alive_limit : judged.plan.microbatches;
    if (too_many == 1) return judged;
    StepPlan plan = judged.plan;
    plan.alive_limit = 1;
    JudgedPlan fitting = judge_.judge(plan);
    if (!fitting.fits()) return judged;
    while (too_many - fitting.plan.alive_limit > 1) {
      plan.alive_limit = fitting.plan.alive_limit + (too_many - fitting.plan.alive_limit) / 2;
      JudgedPlan middle = judge_.judge(plan);
      if (middle.fits()) {
        fitting = std::move(middle);
      } else {
        too_many = plan.alive_limit;
      }
    }
    return fitting;
  }

  [[nodiscard]] StepPlan plan_on(std::string algorithm, std::int32_t microbatches, Placement placement) const {
    return {.algorithm = std::move(algorithm), .microbatches = microbatches, .placement = std::move(placement)};
  }

  // The plans that the objective "cut" would give; each with the fewest microbatches, the best also with more.
  void judge_cuts() {
    constexpr std::size_t kMostWork = 40'000;  // units × devices: beyond, cutting alone takes seconds
    const std::int32_t fewest = result_.microbatches_tried.front();
    const StepJudge::Work& work = judge_.work(fewest);
    const std::size_t devices = cluster_.devices.size();
    if (devices > kFewDevices || work.units.nodes.size() * devices > kMostWork) return;
    tell("cutting");
    ModelPartition found;
    try {
      found = partition_model(work.training, work.units, cluster_, {.portfolio = options_.portfolio});
    } catch (const InfeasibleError&) {
      return;  // no balanced cut keeps the memory: pipelines may
    }
    for (const PlacementCandidate& candidate : found.candidates) {
      if (out_of_time()) return;
      judge(plan_on(candidate.found.algorithm, fewest, candidate.placement));
    }
    const PlacementCandidate& chosen = found.candidates[found.chosen];
    for (const std::int32_t microbatches : result_.microbatches_tried) {
      if (out_of_time() || out_of_work()) return;
      if (microbatches != fewest) judge(plan_on(chosen.found.algorithm, microbatches, chosen.placement));
    }
  }

  void judge_parts() {
    for (const std::int32_t microbatches : result_.microbatches_tried) {
      const StepJudge::Work& work = judge_.work(microbatches);
      for (Placement& placement : part_placements(work.training, work.units, cluster_.devices.size())) {
        if (out_of_time() || out_of_work()) return;
        judge(plan_on("side-by-side", microbatches, std::move(placement)));
      }
    }
  }

  // The first device of each type; with the fewest microbatches, and with more where these do not fit.
  void judge_single_devices() {
    std::set<std::int32_t> types;
    for (const DeviceId d : ids<DeviceId>(cluster_.devices.size())) {
      if (!types.insert(cluster_.devices[d].type).second) continue;
      for (const std::int32_t microbatches : result_.microbatches_tried) {
        const StepJudge::Work& work = judge_.work(microbatches);
        const bool pinned = std::any_of(work.units.pinned.begin(), work.units.pinned.end(),
                                        [&](const std::optional<DeviceId>& device) { return device && *device != d; });
        if (pinned || out_of_time()) return;
        if (certainly_over(work, d)) break;
        judge(plan_on("one-device", microbatches, Placement(static_cast<std::size_t>(work.training.forward_nodes), d)));
        if (last_fits("one-device", microbatches) || out_of_work()) break;
      }
    }
  }

  // Where the model branches: the pipelines of least max load, under every number of microbatches.
  void judge_stage_orders() {
    constexpr std::size_t kMostStages = 16;
    constexpr std::int64_t kShare = 8;  // of the work, at most one of so many parts
    if (cluster_.devices.size() > kFewDevices || out_of_time()) return;
    const StepJudge::Work& work = judge_.work(result_.microbatches_tried.front());
    const std::vector<std::vector<DeviceId>> devices =
        device_orders(cluster_, relative_speeds(work.training, work.units, cluster_));
    orders_ = stage_orders(work.training, work.units, cluster_, devices.front(), kMostStages);
    const std::int64_t until = judge_.instructions() + budget_.instructions / kShare;
    for (auto order = orders_.rbegin(); order != orders_.rend(); ++order) {
      for (const std::int32_t microbatches : result_.microbatches_tried) {
        if (out_of_time() || judge_.instructions() > until) return;
        judge(plan_on("ideals", microbatches, order->placement));
      }
    }
  }

  // Parameters alone are more than the device has.
  [[nodiscard]] bool certainly_over(const StepJudge::Work& work, DeviceId d) const {
    std::int64_t parameter_bytes = 0;
    for (const GraphParameter& parameter : work.training.graph.parameters()) {
      parameter_bytes += bytes(work.training.graph.tensor(parameter.tensor).type);
    }
    const std::int64_t has = cluster_.type_of(d).memory_bytes;
    return has > 0 && parameter_bytes > has;
  }

  [[nodiscard]] bool last_fits(std::string_view algorithm, std::int32_t microbatches) const {
    return std::any_of(result_.plans.begin(), result_.plans.end(), [&](const JudgedPlan& p) {
      return p.plan.algorithm == algorithm && p.plan.microbatches == microbatches && p.fits();
    });
  }

  // Where what should fit does not when compiled, again with less memory allowed in the estimates. Over many devices
  // gradients are sharded where nothing fits otherwise.
  void pipelines() {
    for (const std::int32_t most_zero : cluster_.devices.size() > kFewDevices ? std::vector{1, 2} : std::vector{3}) {
      most_zero_ = std::min(most_zero, options_.space.most_zero);
      for (const double share : {1.0, 0.92, 0.8, 0.6}) {
        memory_share_ = share;
        estimate_pipelines();
        judge_pipelines();
        if (best_fits() || out_of_time()) return;
        if (estimated_.empty() || !is_worth_it(estimated_.front())) break;
      }
    }
  }

  void estimate_pipelines() {
    SearchSpace space = options_.space;
    space.most_zero = most_zero_;
    const std::int32_t parts = most_parts(judge_.work(result_.microbatches_tried.front()).training);
    std::set<std::int32_t> lanes{parts};
    if (!options_.lanes_alone) lanes.insert(1);
    estimated_.clear();
    for (const std::int32_t count : lanes) {
      PipelineCandidates found = pipeline_candidates(judge_, result_.microbatches_tried,
                                                     {.space = space,
                                                      .orders = orders_,
                                                      .memory_share = memory_share_,
                                                      .lanes = count,
                                                      .out_of_time = [this] { return out_of_time(); },
                                                      .progress = [this](const std::string& line) { tell(line); }});
      result_.plans_estimated += found.estimated;
      std::move(found.fitting.begin(), found.fitting.end(), std::back_inserter(estimated_));
    }
    std::stable_sort(estimated_.begin(), estimated_.end(),
                     [](const PipelineCandidate& a, const PipelineCandidate& b) { return a.time_s < b.time_s; });
  }

  [[nodiscard]] bool is_worth_it(const PipelineCandidate& candidate) const {
    return options_.worth_s == 0.0 || candidate.time_s <= options_.worth_s;
  }

  // Best estimates first, until they promise nothing anymore.
  void judge_pipelines() {
    constexpr double kShare = 0.5;  // of the work; the rest is for improving
    constexpr std::size_t kMostThatLack = 12;
    std::size_t judged = 0;
    const std::int64_t until =
        judge_.instructions() + static_cast<std::int64_t>(kShare * static_cast<double>(budget_.instructions));
    for (const PipelineCandidate& candidate : estimated_) {
      const bool enough = judged > 0 && judge_.instructions() > until;
      if (out_of_time() || enough || (best_fits() && first_fitting_)) break;
      if (!best_fits() && judged == kMostThatLack) break;
      if (best_fits() && candidate.time_s > kTrust * result_.plans.front().prediction.step_time_s) break;
      if (!is_worth_it(candidate)) break;
      StepPlan plan = candidate.plan;
      plan.recompute = nodes_to_recompute(judge_.work(plan.microbatches).training, plan.placement, candidate.recompute);
      judge(std::move(plan));
      ++judged;
    }
    tell(fmt::format("{} of {} pipelines simulated", judged, estimated_.size()));
  }

  [[nodiscard]] bool best_fits() const { return !result_.plans.empty() && result_.plans.front().fits(); }

  void improve() {
    const std::vector<JudgedPlan> starts(
        result_.plans.begin(),
        result_.plans.begin() + static_cast<std::ptrdiff_t>(std::min(budget_.improved_plans, result_.plans.size())));
    const std::int64_t work_left = std::max<std::int64_t>(0, budget_.instructions - judge_.instructions());
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (out_of_time()) return;
      // The best gets half of what is left, the next half of the rest, …
      const std::int64_t share = work_left >> (i + 1);
      constexpr std::int64_t kFewestMoves = 4;
      if (share < kFewestMoves * judge_.instructions_of(starts[i].plan)) continue;
      const std::int64_t until = judge_.instructions() + share;
      JudgedPlan improved = improve_plan(judge_, starts[i],
                                         {.most_instructions = until, .out_of_time = [this] { return out_of_time(); }});
      tell(fmt::format("{}: {:.6g} s, improved {:.6g} s", starts[i].plan.algorithm, starts[i].prediction.step_time_s,
                       improved.prediction.step_time_s));
      if (!(improved.plan == starts[i].plan)) result_.plans.push_back(std::move(improved));
    }
    std::stable_sort(result_.plans.begin(), result_.plans.end(),
                     [](const JudgedPlan& a, const JudgedPlan& b) { return better(a, b); });
  }

  StepSearch conclude() {
    if (!best_fits()) fail();
    std::erase_if(result_.plans, [](const JudgedPlan& p) { return !p.fits(); });
    std::vector<JudgedPlan> distinct;
    for (JudgedPlan& p : result_.plans) {
      const bool known = std::any_of(distinct.begin(), distinct.end(),
                                     [&](const JudgedPlan& d) { return same_settings(d.plan, p.plan); });
      if (!known) distinct.push_back(std::move(p));
    }
    result_.plans = std::move(distinct);
    result_.lower_bound_s = std::numeric_limits<double>::infinity();
    for (const std::int32_t microbatches : result_.microbatches_tried) {
      const StepJudge::Work& work = judge_.work(microbatches);
      const double bound = step_lower_bound(work.training, work.units, cluster_, options_.space.replicas);
      result_.lower_bound_s = std::min(result_.lower_bound_s, bound);
    }
    constexpr double kRounding = 1e-9;
    const double found_s = result_.plans.front().prediction.step_time_s;
    result_.optimal = found_s <= result_.lower_bound_s * (1.0 + kRounding);
    result_.plans_judged = judge_.plans_judged();
    return std::move(result_);
  }

  [[noreturn]] void fail() {
    if (result_.plans.empty()) fail_by_parameters();
    const JudgedPlan& best = result_.plans.front();
    DeviceId fullest{0};
    for (const DeviceId d : overfull_devices(best.prediction, cluster_)) {
      const auto over = [&](DeviceId x) {
        return best.prediction.devices[index(x)].memory_bytes - cluster_.type_of(x).memory_bytes;
      };
      if (over(d) == best.bytes_over) fullest = d;
    }
    throw InfeasibleError(fmt::format(
        "no plan fits the memory of the devices; the closest ({}) needs {:.6g} GB on {}, which has {:.6g} GB",
        best.plan.algorithm, static_cast<double>(best.prediction.devices[index(fullest)].memory_bytes) / kGigabyte,
        cluster_.devices[fullest].name, static_cast<double>(cluster_.type_of(fullest).memory_bytes) / kGigabyte));
  }

  // Not even an estimate fits.
  [[noreturn]] void fail_by_parameters() {
    const StepJudge::Work& work = judge_.work(result_.microbatches_tried.back());
    const StageBytes all = ModelChain(work.training, work.units, cluster_, units_in_model_order(work.units))
                               .bytes(0, work.units.nodes.size());
    double has = 0.0;
    for (const ClusterDevice& device : cluster_.devices) {
      has += static_cast<double>(cluster_.types[static_cast<std::size_t>(device.type)].memory_bytes);
    }
    throw InfeasibleError(fmt::format(
        "no plan fits the memory of the devices: they have {:.6g} GB together, and parameters, gradients and "
        "the optimizer's state alone are {:.6g} GB",
        has / kGigabyte, static_cast<double>(all.parameters + all.gradients + all.optimizer) / kGigabyte));
  }

  static constexpr double kGigabyte = 1e9;

  const Model& model_;
  const StepShape& shape_;
  const Cluster& cluster_;
  const StepSearchOptions& options_;
  SearchBudget budget_;
  Clock::time_point start_;
  StepJudge judge_;
  double memory_share_ = 1.0;
  std::int32_t most_zero_ = 0;
  bool first_fitting_ = false;  // the first that fits will do
  std::vector<StageOrder> orders_;
  std::vector<PipelineCandidate> estimated_;
  StepSearch result_;
};

}  // namespace

StepSearch search_step_time(const Model& model, const std::string& source, const StepShape& shape,
                            const Cluster& cluster, const StepSearchOptions& options) {
  try {
    return Searcher(model, source, shape, cluster, options).run();
  } catch (const InfeasibleError& error) {
    if (!options.names_what_fits) throw;
    if (options.progress) options.progress("looking for the smallest change that fits");
    const std::vector<std::string> changes = smallest_changes_that_fit(model, source, shape, cluster, options);
    if (changes.empty()) throw;
    throw InfeasibleError(fmt::format("{}. What would fit: {}", error.what(), fmt::join(changes, "; or ")));
  }
}

std::optional<JudgedPlan> first_fitting_plan(const Model& model, const std::string& source, const StepShape& shape,
                                             const Cluster& cluster, const StepSearchOptions& options) {
  return Searcher(model, source, shape, cluster, options).first_fitting();
}

}  // namespace mp::partition
