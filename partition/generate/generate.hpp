// Synthetic graphs of the families that partitioners meet, at any size: for benchmarks and tests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

enum class Family : std::uint8_t { kGrid2d, kGrid3d, kGeometric, kDelaunay, kPowerLaw, kLayeredModel };

[[nodiscard]] std::span<const Family> families();
[[nodiscard]] std::string_view name_of(Family family);  // "grid2d", "grid3d", "geometric", "delaunay", …
[[nodiscard]] std::optional<Family> family_from(std::string_view name);

// A graph of the family with about `edges` ≥ 1 edges, the same for the same seed. O(edges) time and memory, except
// O(edges · log) for kPowerLaw. Throws UsageError for sizes that 32-bit vertex numbers cannot hold.
//   grid2d, grid3d   unit weights, no randomness
//   geometric        points in the unit square, joined when closer than a radius (about 8 neighbours each)
//   delaunay         points jittered around a grid, every grid cell cut along the diagonal that Delaunay's circle
//                    test picks: planar, about 6 neighbours each
//   powerlaw         R-MAT (Chakrabarti, Zhan, Faloutsos, SDM 2004) with the Graph500 probabilities
//   model            a training step of a layered network: chains of operators with skip connections, a backward
//                    operator joined to each forward one, lumpy vertex weights, edge weights over several orders
[[nodiscard]] WeightedGraph generate(Family family, std::int64_t edges, std::uint64_t seed);

}  // namespace mp::partition
