// A plan meets its model.
#pragma once

#include <string>
#include <string_view>

#include "lib/graph/graph.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/flows.hpp"

namespace mp {

// The device of every node of `graph` (the forward graph of the plan's model). Throws InputError (source: `source`,
// the plan's file) where the assignment names a node the model does not have or leaves one out, contradicts a node
// that the model pins, or parts the nodes of a colocation group; where groups of replicas share a device, a node is on
// a device that is not the leader of its group, or a node to recompute is unknown or comes twice.
[[nodiscard]] Placement check_plan(const Plan& plan, const Graph& graph, std::string_view source);

}  // namespace mp
