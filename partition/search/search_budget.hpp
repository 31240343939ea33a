// How much a search may do, whatever the machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "partition/effort.hpp"

namespace mp::partition {

// A plan of a small model is some 10⁴ instructions; some 10⁶ are compiled and simulated a second.
struct SearchBudget {
  std::int64_t instructions = 0;
  std::size_t microbatch_counts = 0;
  std::size_t improved_plans = 0;
};

[[nodiscard]] SearchBudget search_budget(Effort effort);

}  // namespace mp::partition
