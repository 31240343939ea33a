// What every JSON report of a plan says in the same words.
#pragma once

#include "lib/files/json_writer.hpp"
#include "lib/plan/plan.hpp"

namespace mp::apps {

// "imbalance": {"compute": …, "memory": …}
void write_imbalance(JsonWriter& writer, const Imbalance& imbalance);

// "devices": an object a device, from the plan's prediction, which must be there.
void write_devices(JsonWriter& writer, const Plan& plan);

}  // namespace mp::apps
