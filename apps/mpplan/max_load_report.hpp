// What mpplan partition --objective max-load prints: for people, and for programs (design, section 6).
#pragma once

#include <string>

#include "apps/mpplan/partition_options.hpp"
#include "lib/plan/plan.hpp"
#include "partition/max_load/max_load_search.hpp"

namespace mp::apps {

struct MaxLoadReport {
  const PartitionOptions& options;
  std::string output;
  const Plan& plan;  // with its prediction
  const partition::MaxLoadSearch& found;
  double seconds = 0.0;  // of the whole command
};

// Of compute and of memory over the devices.
[[nodiscard]] Imbalance imbalance_of(const partition::LoadCandidate& candidate);

[[nodiscard]] std::string max_load_text(const MaxLoadReport& report);
// Loads, and the bound, are in milliseconds: objective.unit says so.
[[nodiscard]] std::string max_load_json(const MaxLoadReport& report);

}  // namespace mp::apps
