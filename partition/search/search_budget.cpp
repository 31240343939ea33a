#include "partition/search/search_budget.hpp"

namespace mp::partition {

SearchBudget search_budget(Effort effort) {
  switch (effort) {
    case Effort::kFast:
      return {.instructions = 400'000, .microbatch_counts = 6, .improved_plans = 1};
    case Effort::kDefault:
      return {.instructions = 2'000'000, .microbatch_counts = 10, .improved_plans = 3};
    case Effort::kHigh:
      return {.instructions = 20'000'000, .microbatch_counts = 16, .improved_plans = 6};
    case Effort::kBest:
      return {.instructions = 200'000'000, .microbatch_counts = 32, .improved_plans = 12};
  }
  return {};
}

}  // namespace mp::partition
