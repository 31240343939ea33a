// Profile files ("format": "mp.profile/1"): docs/profile-format.md.
#pragma once

#include <string>
#include <string_view>

#include "lib/costs/profile.hpp"

namespace mp {

inline constexpr std::string_view kProfileFormat = "mp.profile/1";

// Throws InputError with everything that is wrong with the file. Guarantees of the result: at least one device, a link
// for every pair of them, no time negative.
[[nodiscard]] Profile read_profile(const std::string& path);
[[nodiscard]] Profile parse_profile(std::string_view text, const std::string& source);
[[nodiscard]] std::string to_json(const Profile& profile);

}  // namespace mp
