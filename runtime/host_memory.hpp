// What memory this machine, or the group that the process is confined to, has left.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"

namespace mp::runtime {

// The content of /proc/meminfo → bytes that can be had without taking them from others, free swap included. Nothing:
// it does not say.
[[nodiscard]] std::optional<std::int64_t> available_bytes(const std::string& meminfo);

// What a control group that uses `used_bytes` of `limit_bytes` has left, with the files in its cache (its memory.stat),
// which give way.
[[nodiscard]] std::int64_t left_of_limit(std::int64_t limit_bytes, std::int64_t used_bytes,
                                         const std::string& memory_stat);

// Of the machine, or what the process's control group (version 2) has left, if that is less. Nothing: the system does
// not say.
[[nodiscard]] std::optional<std::int64_t> available_host_bytes();

// Memory is handed out when it is touched, so a program too large for the machine would be killed in the middle of its
// first step. Throws InfeasibleError where the arenas of `devices` together are more than `available`, with what takes
// the largest.
void require_host_memory(const Program& program, std::span<const DeviceId> devices,
                         std::optional<std::int64_t> available);

}  // namespace mp::runtime
