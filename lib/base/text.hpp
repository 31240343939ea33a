// Words for messages: names in quotes, and the name that was probably meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mp {

// 'name', shortened in the middle where it is long, without control characters: a message stays a line.
[[nodiscard]] std::string quoted(std::string_view name);

// The candidate closest to `name` in edit distance (insert, delete, replace, swap of neighbours; upper and lower case
// alike), the first of equals; none when nothing is near enough to be a slip of the keyboard. Never `name` itself.
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view name,
                                                           std::span<const std::string_view> candidates);

// "; did you mean 'Gemm'?", or "" when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

// One part of a JSON pointer (RFC 6901): "/" and "~" escaped.
[[nodiscard]] std::string pointer_part(std::string_view key);

}  // namespace mp
