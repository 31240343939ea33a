// What mpplan partition prints: for people, and for programs (design, section 6).
#pragma once

#include <string>

#include "apps/mpplan/partition_options.hpp"
#include "lib/plan/plan.hpp"
#include "partition/model/partition_model.hpp"

namespace mp::apps {

struct PartitionReport {
  const PartitionOptions& options;
  std::string output;
  const Plan& plan;  // with its prediction
  const partition::ModelPartition& found;
  bool has_loss = false;  // the model's: without one the plan trains nothing
  double seconds = 0.0;   // of the whole command
};

[[nodiscard]] std::string report_text(const PartitionReport& report);
[[nodiscard]] std::string report_json(const PartitionReport& report);

}  // namespace mp::apps
