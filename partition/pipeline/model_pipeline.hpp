// A model with measured costs as a problem of replicated stages, and the stages found as part of a plan.
#pragma once

#include <cstdint>
#include <string>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"
#include "partition/pipeline/piper.hpp"

namespace mp::partition {

// What the time of a stage counts.
enum class PipelineCosts : std::uint8_t {
  kPiper,      // compute + transfers + an exchange of gradients every `microbatches`
  kPipedream,  // compute + an exchange after each round of the replicas, or the transfers where these take longer
};

struct PipelineSettings {
  PipelineCosts costs = PipelineCosts::kPiper;
  std::int64_t microbatches = 1;  // between two exchanges; kPiper
};

// Node v of the problem is node v of the model. A node without parallel options has one: its cost's times, its output
// bytes kept for each microbatch under way (and with kPipedream its parameters, whose versions are stashed; PipeDream,
// section 3.3), twice its parameters kept always (weights and gradients). Devices of different kinds count as
// the smallest memory and the narrowest link among them.
//
// Throws InputError (source: `source`, place: the node's JSON pointer) where a node has neither options nor a cost, or
// is pinned or colocated, which these planners do not know.
[[nodiscard]] PiperProblem pipeline_problem(const Model& model, const Cluster& cluster,
                                            const PipelineSettings& settings, const std::string& source);

// Fills in `assignment` (the first device of each stage), `replicas` (the first devices of the stage's replicas) and
// `stages`; devices are taken in the order of the stages.
void set_stages(Plan& plan, const PiperPlan& found, const PiperProblem& problem, const Model& model);

}  // namespace mp::partition
