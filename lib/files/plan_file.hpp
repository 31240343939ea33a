// Plan files ("format": "mp.plan/1"): docs/plan-format.md.
#pragma once

#include <string>
#include <string_view>

#include "lib/plan/plan.hpp"

namespace mp {

inline constexpr std::string_view kPlanFormat = "mp.plan/1";

// Throws InputError with everything that is wrong with the file as such; whether it fits its model is check_plan's to
// say (lib/plan/check_plan.hpp). A plan without a cluster has as many equal devices as "devices" says, or as its
// assignment names.
[[nodiscard]] Plan read_plan(const std::string& path);
[[nodiscard]] Plan parse_plan(std::string_view text, const std::string& source);

// One line per node; the same keys in the same order always, so that two plans diff well.
[[nodiscard]] std::string to_json(const Plan& plan);

}  // namespace mp
