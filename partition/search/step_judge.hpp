// The judge of plans: compiles a plan to the Program that would run, and simulates it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/group_links.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/plan/sampled_step.hpp"
#include "partition/search/step_plan.hpp"

namespace mp::partition {

class StepJudge {
 public:
  // `shape.microbatches` is not used. The references must outlive the judge.
  StepJudge(const Model& model, std::string source, StepShape shape, const Cluster& cluster)
      : model_(model), source_(std::move(source)), shape_(std::move(shape)), cluster_(cluster), links_(cluster) {}

  struct Work {
    TrainingGraph training;
    PlacementUnits units;
  };
  // The model for a step of so many microbatches, made once. Throws as training_graph_of().
  [[nodiscard]] const Work& work(std::int32_t microbatches);

  // By the whole program, or by the part of it that sample_of() chooses: JudgedPlan::sample says which.
  [[nodiscard]] JudgedPlan judge(const StepPlan& plan);

  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  [[nodiscard]] const GroupLinks& links() const { return links_; }
  [[nodiscard]] std::int64_t plans_judged() const { return plans_judged_; }
  // Of all Programs made so far: the judge's work, by which a search can be bounded whatever the machine.
  [[nodiscard]] std::int64_t instructions() const { return instructions_; }
  // About how many instructions judging the plan will make.
  [[nodiscard]] std::int64_t instructions_of(const StepPlan& plan);
  // What of the plan judge() simulates, recomputation left out.
  [[nodiscard]] StepSample sample(const StepPlan& plan);

 private:
  [[nodiscard]] CompileOptions compile_options(const StepPlan& plan) const;

  const Model& model_;
  std::string source_;
  StepShape shape_;
  const Cluster& cluster_;
  GroupLinks links_;
  std::map<std::int32_t, Work> work_;  // by microbatches
  std::int64_t plans_judged_ = 0;
  std::int64_t instructions_ = 0;
};

}  // namespace mp::partition
