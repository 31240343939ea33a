// The generators behind generate(), one per family.
#pragma once

#include <cstdint>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition::generators {

[[nodiscard]] WeightedGraph grid_2d(std::int64_t edges);
[[nodiscard]] WeightedGraph grid_3d(std::int64_t edges);
[[nodiscard]] WeightedGraph geometric(std::int64_t edges, std::uint64_t seed);
[[nodiscard]] WeightedGraph delaunay(std::int64_t edges, std::uint64_t seed);
[[nodiscard]] WeightedGraph power_law(std::int64_t edges, std::uint64_t seed);
[[nodiscard]] WeightedGraph layered_model(std::int64_t edges, std::uint64_t seed);

}  // namespace mp::partition::generators
