#include "partition/generate/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "lib/base/error.hpp"
#include "partition/generate/families.hpp"

namespace mp::partition {
namespace {

constexpr std::array kFamilies{Family::kGrid2d,   Family::kGrid3d,   Family::kGeometric,
                               Family::kDelaunay, Family::kPowerLaw, Family::kLayeredModel};

// Leaves room for the families with the fewest edges a vertex.
constexpr std::int64_t kMostEdges = 1'000'000'000;

}  // namespace

std::span<const Family> families() { return kFamilies; }

std::string_view name_of(Family family) {
  switch (family) {
    case Family::kGrid2d:
      return "grid2d";
    case Family::kGrid3d:
      return "grid3d";
    case Family::kGeometric:
      return "geometric";
    case Family::kDelaunay:
      return "delaunay";
    case Family::kPowerLaw:
      return "powerlaw";
    case Family::kLayeredModel:
      return "model";
  }
  return "";
}

std::optional<Family> family_from(std::string_view name) {
  const auto* found = std::ranges::find_if(kFamilies, [&](Family family) { return name_of(family) == name; });
  return found == kFamilies.end() ? std::nullopt : std::optional(*found);
}

WeightedGraph generate(Family family, std::int64_t edges, std::uint64_t seed) {
  if (edges < 1 || edges > kMostEdges) {
    throw UsageError(fmt::format("cannot generate a graph of {} edges: 1 to {} are possible", edges, kMostEdges));
  }
  switch (family) {
    case Family::kGrid2d:
      return generators::grid_2d(edges);
    case Family::kGrid3d:
      return generators::grid_3d(edges);
    case Family::kGeometric:
      return generators::geometric(edges, seed);
    case Family::kDelaunay:
      return generators::delaunay(edges, seed);
    case Family::kPowerLaw:
      return generators::power_law(edges, seed);
    case Family::kLayeredModel:
      return generators::layered_model(edges, seed);
  }
  return {};
}

}  // namespace mp::partition
