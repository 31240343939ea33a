// Profiles of PipeDream (Narayanan et al., SOSP 2019): text, a line for each layer, then a line for each edge.
#pragma once

#include <string>
#include <string_view>

#include "partition/import/formats.hpp"

namespace mp::partition {

// Lines "node4 -- Conv2d(…) -- forward_compute_time=…, …".
[[nodiscard]] bool looks_like_pipedream(std::string_view bytes, std::string_view path);

// A node keeps its id as its name and its description as the attribute "label"; milliseconds become seconds. An
// The profile's minibatch is a sample of the dimension "batch". An
// activation_size may be a list, "[6291456.0; 131072.0]", whose values are added. As PipeDream's optimizer does it,
// sources described as "Input…" and "__getitem__…" whose value nobody reads are left out. Throws InputError naming the
// lines.
[[nodiscard]] ImportedModel import_pipedream(std::string_view bytes, const std::string& path);

}  // namespace mp::partition
