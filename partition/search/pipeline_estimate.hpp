// The best split of a chain over the devices of a pipeline, by the cost model alone: what the search ranks before it
// compiles and simulates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/group_links.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/recompute_choice.hpp"
#include "partition/search/model_chain.hpp"

namespace mp::partition {

// How a pipeline uses its devices: devices[r] are the members that share the microbatches of the stages r, r + p, r +
// 2p … of p · chunks, p being the number of groups. Several chunks are for the schedule "interleaved".
struct PipelineForm {
  std::vector<ReplicaGroup> devices;
  std::int32_t chunks = 1;
  std::int32_t microbatches = 1;  // of the whole step
  RecomputePattern recompute = RecomputePattern::kNone;
  [[nodiscard]] std::size_t stages() const { return devices.size() * static_cast<std::size_t>(chunks); }
  [[nodiscard]] const ReplicaGroup& of_stage(std::size_t s) const { return devices[s % devices.size()]; }
  [[nodiscard]] std::size_t fewest_members() const;           // of any group
  [[nodiscard]] std::int64_t microbatches_of_member() const;  // at most, of the smallest group
  std::int32_t zero = 0;                                      // as Plan::zero
  std::int32_t alive_limit = 0;                               // as Plan::alive_limit; with one chunk alone
};

struct EstimateOptions {
  double memory_share = 1.0;  // of what the devices have: less where estimates proved too low
  double cycle_step = 0.0;    // see SplitProblem::step
};

struct PipelineEstimate {
  std::vector<std::size_t> cuts;  // places of the chain: stage s is [cuts[s], cuts[s + 1])
  double time_s = std::numeric_limits<double>::infinity();
};

// Bytes of a device that works on stage `s`, the stretch [from, to), and on others like it where it has several.
[[nodiscard]] std::int64_t stage_memory_bytes(const ModelChain& chain, const PipelineForm& form, std::size_t from,
                                              std::size_t to, std::size_t s);

// A time that no split of the form is estimated below: the work divided evenly, transfers left out.
[[nodiscard]] double least_pipeline_seconds(const ModelChain& chain, const Cluster& cluster, const PipelineForm& form);

// `places` as ModelChain::cut_places gives them. Nothing where no split fits the devices' memory and the pins.
[[nodiscard]] std::optional<PipelineEstimate> estimate_pipeline(const ModelChain& chain, const GroupLinks& links,
                                                                const std::vector<std::size_t>& places,
                                                                const PipelineForm& form,
                                                                const EstimateOptions& options);

}  // namespace mp::partition
