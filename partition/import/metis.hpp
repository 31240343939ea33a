// METIS's .graph files as models: for the planner's other objectives on the graphs of the partitioning literature.
#pragma once

#include <string>
#include <string_view>

#include "partition/import/formats.hpp"

namespace mp::partition {

// By the name's end, ".graph", or a first line of two to four numbers.
[[nodiscard]] bool looks_like_metis(std::string_view bytes, std::string_view path);

// Vertex i becomes node "i" (from 1, as METIS counts); its first weight is its time in microseconds, its second the
// bytes it keeps. An edge becomes a tensor of as many bytes as its weight, from the smaller number to the larger. So
// the cut of a placement is that of the partition. Throws InputError as parse_metis_graph() does, and for weights that
// are no size of a tensor.
[[nodiscard]] ImportedModel import_metis(std::string_view bytes, const std::string& path);

}  // namespace mp::partition
