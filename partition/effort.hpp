// How much time to trade for a better partition.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mp::partition {

enum class Effort : std::uint8_t { kFast, kDefault, kHigh, kBest };
[[nodiscard]] std::optional<Effort> effort_from(std::string_view name);
[[nodiscard]] std::string_view name_of(Effort effort);

}  // namespace mp::partition
