// When nothing fits: what little change would.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "partition/search/step_search.hpp"

namespace mp::partition {

// As many devices as asked: those of the last host again and again, on new hosts. The cluster has no matrix of links.
[[nodiscard]] Cluster with_devices(const Cluster& cluster, std::size_t devices);

// Changes of one thing each, of which a plan that fits was compiled: more microbatches (where their number was asked
// for), the fewest more devices like those there are, the largest batch. In words, with the flag where there is one.
[[nodiscard]] std::vector<std::string> smallest_changes_that_fit(const Model& model, const std::string& source,
                                                                 const StepShape& shape, const Cluster& cluster,
                                                                 const StepSearchOptions& options);

}  // namespace mp::partition
