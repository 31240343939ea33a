// Parts that several file formats share.
#pragma once

#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/graph/model.hpp"
#include "lib/training/optimizer.hpp"

namespace mp {

// {"batch": 16, …}; absent: empty.
[[nodiscard]] Bindings read_bindings(JsonValue value);
void write_bindings(JsonWriter& writer, const Bindings& bindings);

// {"kind": "adamw", "beta1": 0.9, …}; what is absent has the default of the kind.
[[nodiscard]] Optimizer read_optimizer(JsonValue value);
// The constants that the kind has, all of them; clipping and groups where there are any.
void write_optimizer(JsonWriter& writer, const Optimizer& optimizer);

}  // namespace mp
