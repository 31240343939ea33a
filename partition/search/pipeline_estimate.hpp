// The best split of a chain over the devices of a pipeline, by the cost model alone: what the search ranks before it
// compiles and simulates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/plan.hpp"
#include "partition/search/model_chain.hpp"

namespace mp::partition {

// How a pipeline uses its devices. Stage s is worked on by the members of stages[s], each taking its share of the
// microbatches.
struct PipelineForm {
  std::vector<ReplicaGroup> stages;
  std::int32_t microbatches = 1;  // of the whole step
  bool recompute = false;         // keep only what enters a stage, make the rest again before its backward pass
  std::int32_t zero = 0;          // as Plan::zero
  bool keep_all_alive = false;    // GPipe: every microbatch is alive at the turn of the passes; else 1F1B
};

struct EstimateOptions {
  double memory_share = 1.0;  // of what the devices have: less where estimates proved too low
  double cycle_step = 0.0;    // see SplitProblem::step
};

struct PipelineEstimate {
  std::vector<std::size_t> cuts;  // places of the chain: stage s is [cuts[s], cuts[s + 1])
  double time_s = std::numeric_limits<double>::infinity();
};

// Bytes of a device that works on the stretch with `right` stages behind it.
[[nodiscard]] std::int64_t stage_memory_bytes(const ModelChain& chain, const PipelineForm& form, std::size_t from,
                                              std::size_t to, std::size_t right);

// `places` as ModelChain::cut_places gives them. Nothing where no split fits the devices' memory and the pins.
[[nodiscard]] std::optional<PipelineEstimate> estimate_pipeline(const ModelChain& chain, const Cluster& cluster,
                                                                const std::vector<std::size_t>& places,
                                                                const PipelineForm& form,
                                                                const EstimateOptions& options);

}  // namespace mp::partition
