// "splits" of a plan: nodes that are cut into parts.
#pragma once

#include <vector>

#include "lib/files/fields.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/graph/node_split.hpp"

namespace mp {

[[nodiscard]] std::vector<NodeSplit> read_splits(JsonValue value);
// Nothing where there are none.
void write_splits(JsonWriter& writer, const std::vector<NodeSplit>& splits);

}  // namespace mp
