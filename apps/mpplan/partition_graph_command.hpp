// Partitioning a bare weighted graph, as gpmetis does.
#pragma once

#include "apps/common/run_main.hpp"
#include "apps/mpplan/partition_options.hpp"

namespace mp::apps {

// Whether the input is a METIS .graph file, by its name.
[[nodiscard]] bool is_graph_file(const PartitionOptions& options);

// Where the blocks are written.
[[nodiscard]] std::string part_file_of(const PartitionOptions& options);

// Reads options.input, cuts it into options.blocks blocks and writes a .part file.
[[nodiscard]] ExitCode run_partition_graph(const PartitionOptions& options);

}  // namespace mp::apps
