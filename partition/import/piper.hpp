// The workloads of Piper (Tarnawski, Narayanan, Phanishayee: Multidimensional planner for DNN parallelization, NeurIPS
// 2021): nodes with several ways to run each, per tensor-parallel degree.
#pragma once

#include <string>
#include <string_view>

#include "partition/import/formats.hpp"

namespace mp::partition {

// A JSON object with "maxMemoryPerDevice" and "TMPCs".
[[nodiscard]] bool looks_like_piper(std::string_view bytes, std::string_view path);

// A node is named by its id (its "name" there is the attribute "label"); its TMPCs are its parallel_options. Each edge
// is a tensor of its own, "A->B", because edges of one node may differ in bytes. `cost` is the first way on the fewest
// devices, forward and backward together. mbsInBatch (or maxBatchSize) is the dimension "batch", a microbatch being a
// sample. Fractions of bytes are rounded up; unknown keys are ignored. Throws InputError with every issue at its JSON
// pointer.
[[nodiscard]] ImportedModel import_piper(std::string_view bytes, const std::string& path);

}  // namespace mp::partition
