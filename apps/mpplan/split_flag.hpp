// --split of mpplan partition: which nodes to cut into parts.
#pragma once

#include <string_view>
#include <vector>

#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/graph/node_split.hpp"

namespace mp::apps {

// "auto", which the search for short steps may decline.
[[nodiscard]] bool splits_if_shorter(const PartitionOptions& options);

// What the flag says for a placement on these devices, told on standard error where it chose; "auto": what is too
// heavy. Throws UsageError for what is no split, or none of this model.
[[nodiscard]] std::vector<NodeSplit> chosen_splits(const PartitionOptions& options, const Model& model,
                                                   const Cluster& cluster);

// Throws UsageError where the flag is given.
void refuse_split_flag(const PartitionOptions& options, std::string_view why);

// "conv1 into 2 parts by channels, fc into 4 parts by columns and 3 more".
[[nodiscard]] std::string text_of(const std::vector<NodeSplit>& splits);

}  // namespace mp::apps
