// "parallel_options" of a node in a model file.
#pragma once

#include <vector>

#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/graph/model.hpp"

namespace mp {

// Absent: none. `node`: what was read of it so far; its inputs and outputs say how many sync bytes there may be.
[[nodiscard]] std::vector<ParallelOption> read_parallel_options(JsonValue value, const ModelNode& node);
// The whole member; nothing where there are none.
void write_parallel_options(JsonWriter& writer, const std::vector<ParallelOption>& options);

}  // namespace mp
