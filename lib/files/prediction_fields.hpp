// What was predicted of a plan, as its file says it.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

// Problems become issues of the value's document.
[[nodiscard]] Prediction read_prediction(JsonValue value);
void write_prediction(JsonWriter& writer, const Prediction& prediction, const Cluster& cluster);

}  // namespace mp
