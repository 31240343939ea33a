// Pipelines of every form worth it, split best for the cost model: what the search compiles and simulates, best first.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "partition/search/pipeline_forms.hpp"
#include "partition/search/stage_orders.hpp"
#include "partition/search/step_judge.hpp"
#include "partition/search/step_plan.hpp"

namespace mp::partition {

struct PipelineCandidate {
  double time_s = std::numeric_limits<double>::infinity();  // estimated
  RecomputePattern recompute = RecomputePattern::kNone;     // of which the plan does not name the nodes yet
  StepPlan plan;
};

struct CandidateOptions {
  SearchSpace space;
  std::span<const StageOrder> orders{};  // beside that of the model's file
  double memory_share = 1.0;             // as EstimateOptions::memory_share
  std::int32_t lanes = 1;                // devices of a stage, for a model in parts; 1: each stage is one device
  std::function<bool()> out_of_time = [] { return false; };
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

struct PipelineCandidates {
  std::vector<PipelineCandidate> fitting;  // least estimate first
  std::int64_t estimated = 0;
};

constexpr std::size_t kFewDevices = 64;  // with more, coarser steps
constexpr double kTrust = 1.5;           // what is estimated at more than this times the best is not worth judging

// For every number of microbatches: along the order of the model's file, and along further ones the pipelines of the
// numbers of stages that these were made for, without recomputation and ZeRO.
[[nodiscard]] PipelineCandidates pipeline_candidates(StepJudge& judge, const std::vector<std::int32_t>& microbatches,
                                                     const CandidateOptions& options);

}  // namespace mp::partition
