// A device type in cluster files and profiles: docs/cluster-format.md.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"

namespace mp {

[[nodiscard]] DeviceType read_device_type(JsonValue value);
void write_device_type(JsonWriter& writer, const DeviceType& type);

}  // namespace mp
