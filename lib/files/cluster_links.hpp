// The "links" of a cluster file: docs/cluster-format.md.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"

namespace mp {

// Into the cluster, whose devices are read already.
void read_links(JsonValue value, Cluster& cluster);
void write_links(JsonWriter& writer, const Cluster& cluster);

}  // namespace mp
