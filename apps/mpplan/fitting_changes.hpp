// When a placement does not fit: which change of one flag would make it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"

namespace mp::apps {

// Whether planning with these flags on these devices gives a plan that fits.
using FitsWith = std::function<bool(const PartitionOptions&, const Cluster&)>;

// Changes of one thing each, every one of them tried: recomputation, more microbatches, a smaller batch, the search for
// the shortest step, which may do several of these, and the fewest more devices like those there are. In words, with
// their flags. No try begins after options.time_limit_s, or 10 s.
[[nodiscard]] std::vector<std::string> changes_that_fit(const PartitionOptions& options, const Model& model,
                                                        const Cluster& cluster, const FitsWith& fits);

}  // namespace mp::apps
