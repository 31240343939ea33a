// Quantities as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace mp {

[[nodiscard]] std::string bytes_text(std::int64_t bytes);  // "1.50 MB" (10⁶ bytes)
[[nodiscard]] std::string count_text(std::int64_t count);  // "1,234,567"
[[nodiscard]] std::string seconds_text(double seconds);    // "14.9 ms"
[[nodiscard]] std::string percent_text(double share);      // "3.1 %"

}  // namespace mp
