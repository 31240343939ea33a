// A step whose Program would be too large to make, told by a part of it: equal replicas of a pipeline do the same at the
// same time, and a pipeline in full swing does the same again and again.
#pragma once

#include <cstdint>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/plan.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Which part.
struct StepSample {
  std::int32_t replicas = 1;      // equal pipelines, of which one is simulated; 1: all devices are
  std::int32_t microbatches = 1;  // that this one has
  std::int32_t fewer = 0;         // instead of them so many, and
  std::int32_t more = 0;          // so many; 0: all of them are simulated
  [[nodiscard]] bool is_whole() const { return replicas == 1 && fewer == 0; }
  friend bool operator==(const StepSample&, const StepSample&) = default;
};

inline constexpr std::int64_t kMostInstructions = 2'000'000;        // of a Program of all devices
inline constexpr std::int64_t kMostPipelineInstructions = 500'000;  // of one of the replicas

// All of the step where its Program has at most kMostInstructions (nodes × microbatches). Else one of the replicas,
// where their groups are equal; and where that is more than kMostPipelineInstructions, it with as many microbatches as
// fill it, and half as many again (interleaved: twice as many), if these together are fewer than it has.
[[nodiscard]] StepSample sample_of(const TrainingGraph& training, const Placement& placement,
                                   const CompileOptions& options);

struct SampledStep {
  StepSample sample;
  Simulation simulation;  // of the whole step; the events are those of `program`
  Prediction prediction;  // likewise
  Program program;        // the larger of those simulated
  std::int64_t instructions = 0;  // of all Programs made
};

// `training` and `units` are those of the whole step, `options.cluster` is given, and `times` may be the same with
// measured times. From two numbers of microbatches, each time and what gpipe keeps is told along the straight line
// through both: once a pipeline is full, each further microbatch takes as long as the one before. All members of a
// group are as their leader was simulated, but for what ZeRO leaves to others, and with room for a share of another
// member's gradients, to add them up. Their exchanges count as rings: the sum of the gradients (or its reduce-scatter
// and the new values' all-gather) behind the last backward pass, hidden behind nothing; under ZeRO 2 a microbatch's
// gradients, and under ZeRO 3 its parameters once for each pass, while the devices compute, as far as these take as
// long.
[[nodiscard]] SampledStep sample_step(const TrainingGraph& training, const PlacementUnits& units,
                                      const Placement& placement, const CompileOptions& options, const Cluster& times,
                                      const StepSample& sample);

}  // namespace mp
