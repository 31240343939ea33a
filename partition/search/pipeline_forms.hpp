// The ways to use the devices of a cluster as a pipeline, replicated or not, that are worth an estimate.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/plan.hpp"
#include "partition/search/pipeline_estimate.hpp"

namespace mp::partition {

// What of a plan the search may vary.
struct SearchSpace {
  bool replicas = true;
  bool recompute = true;
  std::int32_t most_zero = 0;
  bool coarse = false;  // only the forms that differ much: for many devices
};

// Orders of the devices along a pipeline: as the cluster numbers them, and where devices differ the fastest first, the
// slowest first, those with most memory first. Devices of a host stay together, in all of them.
[[nodiscard]] std::vector<std::vector<DeviceId>> device_orders(const Cluster& cluster,
                                                               const IdVector<DeviceId, double>& speeds);

// For `microbatches` and one order: every number of stages up to 16, beyond that powers of two and divisors of the
// number of devices, at most `most_stages`; alone, and replicated as often as the devices allow, the stages of a
// replica side by side or the replicas of a stage side by side; and with all devices where they do not divide, the
// first stages or the last having a replica more than the others (PipeDream's uneven replication: Narayanan et al.,
// SOSP 2019, section 3.1).
[[nodiscard]] std::vector<PipelineForm> pipeline_forms(const std::vector<DeviceId>& order, std::int32_t microbatches,
                                                       std::size_t most_stages, const SearchSpace& space);

// Numbers of microbatches to try: the divisors of the batch, thinned out to `most`, least first; {1} for batch 0
// (a model without one).
[[nodiscard]] std::vector<std::int32_t> microbatch_counts(std::int64_t batch, std::size_t most);

}  // namespace mp::partition
