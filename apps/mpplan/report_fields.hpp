// What every report of a plan says in the same words, for people and as JSON.
#pragma once

#include <string>

#include "lib/files/json_writer.hpp"
#include "lib/plan/plan.hpp"

namespace mp::apps {

// "gpt-1m: 71 nodes over 4 devices"
[[nodiscard]] std::string heading_of(const Plan& plan);

// What to do with the plan written to `output`.
[[nodiscard]] std::string next_command(bool has_loss, const std::string& output);

// "imbalance": {"compute": …, "memory": …}
void write_imbalance(JsonWriter& writer, const Imbalance& imbalance);

// "devices": an object a device, from the plan's prediction, which must be there.
void write_devices(JsonWriter& writer, const Plan& plan);

}  // namespace mp::apps
