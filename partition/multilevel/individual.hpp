// One partition with its quality, and the best of many.
#pragma once

#include "partition/multilevel/partition_state.hpp"

namespace mp::partition {

struct Individual {
  Assignment assignment;
  Quality quality;
};

// Ties go to the earlier one, so that the choice does not depend on how candidates were computed.
[[nodiscard]] inline bool better(const Individual& a, const Individual& b) { return a.quality < b.quality; }

}  // namespace mp::partition
