// Cluster files ("format": "mp.cluster/1"): docs/cluster-format.md.
#pragma once

#include <string>
#include <string_view>

#include "lib/cluster/cluster.hpp"
#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"

namespace mp {

inline constexpr std::string_view kClusterFormat = "mp.cluster/1";

// More devices than any plan is made for: keeps "count": 2000000000 from filling the memory.
inline constexpr std::int64_t kMaxDevices = 4096;

// Throws InputError with everything that is wrong with the file. Guarantees of the result: at least one device, names
// of types and of devices unique, every speed and bandwidth positive, matrix empty or devices × devices.
[[nodiscard]] Cluster read_cluster(const std::string& path);
[[nodiscard]] Cluster parse_cluster(std::string_view text, const std::string& source);
[[nodiscard]] std::string to_json(const Cluster& cluster);

// The cluster inside a plan: the same keys without "format".
[[nodiscard]] Cluster read_cluster_fields(JsonValue value);
void write_cluster_fields(JsonWriter& writer, const Cluster& cluster);

}  // namespace mp
