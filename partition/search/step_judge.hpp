// The judge of plans: compiles a plan to the Program that would run, and simulates it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/prepare.hpp"
#include "partition/search/cluster_links.hpp"
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

  // The whole program, where it has at most kMostInstructions. Of a larger one with equal groups of replicas: the
  // pipeline of the leaders with their share of the microbatches; the other replicas do the same at the same time. The
  // sum of gradients over the replicas then counts as a ring all-reduce behind the last backward pass, hidden behind
  // nothing but the microbatches before it (ZeRO 2). JudgedPlan::replicas_not_simulated says which it was.
  [[nodiscard]] JudgedPlan judge(const StepPlan& plan);
  static constexpr std::int64_t kMostInstructions = 2'000'000;

  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  [[nodiscard]] const ClusterLinks& links() const { return links_; }
  [[nodiscard]] std::int64_t plans_judged() const { return plans_judged_; }
  // Of all Programs made so far: the judge's work, by which a search can be bounded whatever the machine.
  [[nodiscard]] std::int64_t instructions() const { return instructions_; }
  // About how many instructions judging the plan will make.
  [[nodiscard]] std::int64_t instructions_of(const StepPlan& plan);
  // Whether judge() simulates the pipeline of the leaders in the stead of the whole program.
  [[nodiscard]] bool simulates_one_replica(const StepPlan& plan);

 private:
  // The model for one of `replicas` pipelines that share the microbatches.
  const Work& work(std::int32_t microbatches, std::int32_t replicas);
  [[nodiscard]] Prediction predict_program(const StepPlan& plan, const Work& made);
  [[nodiscard]] Prediction predict_one_replica(const StepPlan& plan);
  void add_replicas(const StepPlan& plan, const Work& made, Prediction& prediction) const;

  const Model& model_;
  std::string source_;
  StepShape shape_;
  const Cluster& cluster_;
  ClusterLinks links_;
  std::map<std::pair<std::int32_t, std::int32_t>, Work> work_;  // by microbatches, replicas
  std::int64_t plans_judged_ = 0;
  std::int64_t instructions_ = 0;
};

}  // namespace mp::partition
