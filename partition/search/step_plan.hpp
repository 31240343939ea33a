// What the search for a short step decides, and what the simulator says of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/plan/plan.hpp"
#include "lib/plan/sampled_step.hpp"
#include "lib/training/flows.hpp"

namespace mp::partition {

// The decisions of a plan; the names are those of Plan.
struct StepPlan {
  std::string algorithm;  // where it comes from: "pipeline", "one-device", a cut's name; "+moves" when refined
  std::int32_t microbatches = 1;
  Placement placement;
  std::vector<ReplicaGroup> replicas{};
  std::int32_t zero = 0;
  std::vector<NodeId> recompute{};  // forward nodes
  Schedule schedule = Schedule::k1f1b;
  std::int32_t alive_limit = 0;
  friend bool operator==(const StepPlan&, const StepPlan&) = default;
};

// Alike but for algorithm and schedule.
[[nodiscard]] bool same_settings(const StepPlan& a, const StepPlan& b);

struct JudgedPlan {
  StepPlan plan;
  Prediction prediction;
  std::int64_t bytes_over = 0;  // of the device that lacks most; 0: everything fits
  StepSample sample{};          // what of it was simulated
  [[nodiscard]] bool fits() const { return bytes_over == 0; }
};

// Less is better: bytes over, step time, greatest memory, microbatches, then the name.
[[nodiscard]] bool better(const JudgedPlan& a, const JudgedPlan& b);

}  // namespace mp::partition
