// "stages" of a plan file.
#pragma once

#include <vector>

#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

[[nodiscard]] std::vector<PlanStage> read_stages(JsonValue value);
// The whole member; nothing where there are none.
void write_stages(JsonWriter& writer, const std::vector<PlanStage>& stages);

}  // namespace mp
