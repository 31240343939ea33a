// All downward-closed sets (ideals) of an acyclic order, and which unit leads from one to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace mp::partition {

struct IdealStep {
  std::int32_t unit = 0;
  std::int32_t ideal = 0;  // the ideal that this unit makes of it
};

// Ideals are numbered from 0, the empty one, by size: the last is everything.
struct IdealLattice {
  std::size_t words = 0;              // of 64 bits, a set of units
  std::vector<std::uint64_t> sets;    // ideals × words
  std::vector<std::int64_t> offsets;  // steps of ideal i: steps[offsets[i]] … steps[offsets[i + 1]]
  std::vector<IdealStep> steps;

  [[nodiscard]] std::size_t size() const { return offsets.size() - 1; }
  [[nodiscard]] bool contains(std::size_t ideal, std::int32_t unit) const {
    const auto bit = static_cast<std::size_t>(unit);
    return (sets[ideal * words + bit / 64] >> (bit % 64) & 1U) != 0;
  }
};

// order: (a, b) means that b is in no ideal without a; it must have no cycle. nullopt when the lattice would take more
// than `max_bytes` of memory (their number may grow exponentially with the width of the order).
[[nodiscard]] std::optional<IdealLattice> ideal_lattice(std::size_t units,
                                                        const std::vector<std::pair<std::int32_t, std::int32_t>>& order,
                                                        std::size_t max_bytes);

}  // namespace mp::partition
