// The workloads of "Efficient Algorithms for Device Placement of DNN Graph Operators" (Tarnawski, Phanishayee, Devanur,
// Mahajan, Nina Paravecino, NeurIPS 2020): measured graphs with k accelerators and l CPUs.
#pragma once

#include <string>
#include <string_view>

#include "partition/import/formats.hpp"

namespace mp::partition {

// A JSON object with "maxFPGAs".
[[nodiscard]] bool looks_like_dnn_partitioning(std::string_view bytes, std::string_view path);

// A node keeps its id as its name. Its times on the two device types ("accelerator", "cpu") are forward_s_by_type, its
// size parameter_bytes, its colour class its colocation group; backward nodes are nodes of their own, marked as such.
// What it sends is one tensor (one for each different cost, where its edges differ), whose cost is output_transfer_s;
// output_bytes are what takes that long at the bandwidth of the cluster's links. Flags may be 0 and 1, other keys are
// ignored. Throws InputError with every issue at its JSON pointer.
[[nodiscard]] ImportedModel import_dnn_partitioning(std::string_view bytes, const std::string& path);

}  // namespace mp::partition
