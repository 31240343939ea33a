#include "partition/search/pipeline_candidates.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "partition/model/device_limits.hpp"
#include "partition/search/model_chain.hpp"
#include "partition/search/pipeline_estimate.hpp"

namespace mp::partition {
namespace {

class Estimating {
 public:
  Estimating(StepJudge& judge, const CandidateOptions& options)
      : judge_(judge), options_(options), many_(judge.cluster().devices.size() > kFewDevices) {}

  PipelineCandidates run(const std::vector<std::int32_t>& microbatches) && {
    for (const std::int32_t count : microbatches) {
      if (options_.out_of_time()) break;
      add_chains(count);
    }
    std::stable_sort(promises_.begin(), promises_.end(),
                     [](const Promise& a, const Promise& b) { return a.least_s < b.least_s; });
    estimate_while_promising();
    std::stable_sort(result_.fitting.begin(), result_.fitting.end(),
                     [](const PipelineCandidate& a, const PipelineCandidate& b) { return a.time_s < b.time_s; });
    return std::move(result_);
  }

 private:
  // Units in one order, for one number of microbatches.
  struct Chained {
    ModelChain chain;
    std::vector<std::size_t> places;
    const StepJudge::Work& work;
    Lanes lanes;
  };

  struct Promise {
    double least_s = 0.0;  // the estimate is no less
    PipelineForm form;
    std::size_t chained = 0;
  };

  void add_chains(std::int32_t microbatches) {
    const StepJudge::Work& work = judge_.work(microbatches);
    const Cluster& cluster = judge_.cluster();
    const std::vector<std::vector<DeviceId>> devices =
        device_orders(cluster, relative_speeds(work.training, work.units, cluster));
    if (options_.lanes > 1) return add_chain_of_lanes(work, devices, microbatches);
    add_chain(work, units_in_model_order(work.units), devices, microbatches, nullptr);
    for (const StageOrder& order : options_.orders) add_chain(work, order.units, devices, microbatches, &order);
  }

  // Pipelines of the leaders of groups of devices, who stand for their groups.
  void add_chain_of_lanes(const StepJudge::Work& work, const std::vector<std::vector<DeviceId>>& device_orders,
                          std::int32_t microbatches) {
    ChainLanes lanes{.lanes = lanes_of(work.training, work.units, options_.lanes), .between = {}};
    groups_.clear();
    for (ReplicaGroup& group : lane_groups(judge_.cluster(), device_orders.front(), options_.lanes)) {
      lanes.between =
          groups_.empty() ? judge_.links().around(group) : slower(lanes.between, judge_.links().around(group));
      groups_.emplace(group.front(), std::move(group));
    }
    if (groups_.empty()) return;
    std::vector<std::vector<DeviceId>> leaders = device_orders;
    for (std::vector<DeviceId>& order : leaders) {
      std::erase_if(order, [this](DeviceId d) { return !groups_.contains(d); });
    }
    add_chain(work, units_in_model_order(work.units), leaders, microbatches, nullptr, std::move(lanes));
  }

  void add_chain(const StepJudge::Work& work, std::vector<UnitId> order,
                 const std::vector<std::vector<DeviceId>>& device_orders, std::int32_t microbatches,
                 const StageOrder* further, ChainLanes lanes = {}) {
    ModelChain chain(work.training, work.units, judge_.cluster(), std::move(order), lanes);
    std::vector<std::size_t> places = chain.cut_places(many_ ? 200 : 300);
    SearchSpace space = options_.space;
    space.coarse = many_;
    if (further != nullptr) space.recompute = false;
    if (further != nullptr) space.most_zero = 0;
    for (const std::vector<DeviceId>& devices : device_orders) {
      for (PipelineForm& form : pipeline_forms(devices, microbatches, places.size() - 1, space)) {
        if (further != nullptr && form.stages() != further->stages) continue;
        promises_.push_back({least_pipeline_seconds(chain, judge_.cluster(), form), std::move(form), chained_.size()});
      }
    }
    chained_.push_back({std::move(chain), std::move(places), work, std::move(lanes.lanes)});
  }

  void estimate_while_promising() {
    double best_s = std::numeric_limits<double>::infinity();
    for (Promise& promise : promises_) {
      if (options_.out_of_time() || promise.least_s > kTrust * best_s) break;
      const std::size_t before = result_.fitting.size();
      estimate(chained_[promise.chained], promise.form);
      if (result_.fitting.size() == before) estimate_with_fewer_alive(chained_[promise.chained], promise.form);
      if (result_.fitting.size() > before) best_s = std::min(best_s, result_.fitting.back().time_s);
    }
    options_.progress(fmt::format("{} of {} pipelines estimated, {} fit", result_.estimated, promises_.size(),
                                  result_.fitting.size()));
  }

  // Microbatches may wait before they enter, so that fewer are kept for their backward pass: half as many, and so on.
  void estimate_with_fewer_alive(const Chained& of, PipelineForm& form) {
    if (many_ || form.chunks > 1) return;
    const auto most = std::min<std::int64_t>(form.microbatches_of_member(), static_cast<std::int64_t>(form.stages()));
    const std::size_t before = result_.fitting.size();
    for (std::int64_t limit = most / 2; limit >= 1 && result_.fitting.size() == before; limit /= 2) {
      form.alive_limit = static_cast<std::int32_t>(limit);
      estimate(of, form);
    }
  }

  void estimate(const Chained& of, const PipelineForm& form) {
    ++result_.estimated;
    const std::optional<PipelineEstimate> estimate =
        estimate_pipeline(of.chain, judge_.links(), of.places, form,
                          {.memory_share = options_.memory_share, .cycle_step = many_ ? 0.02 : 0.002});
    if (!estimate) return;
    StepPlan plan{.algorithm = "pipeline",
                  .microbatches = form.microbatches,
                  .placement = Placement(static_cast<std::size_t>(of.work.training.forward_nodes), kNone<DeviceId>)};
    for (std::size_t s = 0; s < form.stages(); ++s) {
      for (std::size_t place = estimate->cuts[s]; place < estimate->cuts[s + 1]; ++place) {
        const UnitId unit = of.chain.order()[place];
        for (const NodeId n : of.work.units.nodes[unit]) {
          plan.placement[n] = of_lane(form.of_stage(s).front(), of.lanes, unit);
        }
      }
    }
    for (const ReplicaGroup& group : form.devices) {
      if (group.size() > 1) add_replicas(group, of.lanes.count, plan);
    }
    plan.zero = form.zero;
    plan.alive_limit = form.alive_limit;
    if (form.chunks > 1) plan.schedule = Schedule::kInterleaved;
    result_.fitting.push_back({estimate->time_s, form.recompute, std::move(plan)});
  }

  [[nodiscard]] DeviceId of_lane(DeviceId leader, const Lanes& lanes, UnitId unit) const {
    return lanes.count == 1 ? leader : groups_.at(leader)[static_cast<std::size_t>(lanes.of[unit])];
  }

  // The members of a lane share the microbatches of it.
  void add_replicas(const ReplicaGroup& leaders, std::int32_t lanes, StepPlan& plan) const {
    if (lanes == 1) return plan.replicas.push_back(leaders);
    for (std::size_t lane = 0; lane < static_cast<std::size_t>(lanes); ++lane) {
      ReplicaGroup& group = plan.replicas.emplace_back();
      for (const DeviceId leader : leaders) group.push_back(groups_.at(leader)[lane]);
    }
  }

  StepJudge& judge_;
  const CandidateOptions& options_;
  const bool many_;                          // devices
  std::map<DeviceId, ReplicaGroup> groups_;  // of lanes, by their leaders
  std::vector<Chained> chained_;
  std::vector<Promise> promises_;
  PipelineCandidates result_;
};

}  // namespace

PipelineCandidates pipeline_candidates(StepJudge& judge, const std::vector<std::int32_t>& microbatches,
                                       const CandidateOptions& options) {
  return Estimating(judge, options).run(microbatches);
}

}  // namespace mp::partition
