// Recipe files ("format": "mp.recipe/1"): docs/recipe-format.md.
#pragma once

#include <string>
#include <string_view>

#include "lib/plan/recipe.hpp"

namespace mp {

inline constexpr std::string_view kRecipeFormat = "mp.recipe/1";

// Throws InputError with everything that is wrong with the file. Paths of data are made relative to the working
// directory (or absolute): in the file they are relative to its folder.
[[nodiscard]] Recipe read_recipe(const std::string& path);
// Paths stay as written.
[[nodiscard]] Recipe parse_recipe(std::string_view text, const std::string& source);

}  // namespace mp
