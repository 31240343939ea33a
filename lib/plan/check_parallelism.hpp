// The parts of check_plan that concern replicas and recomputation.
#pragma once

#include "lib/graph/graph.hpp"
#include "lib/graph/issue_list.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

// A group is empty, names a device that is not there or one that stands in a group already; a node is assigned to a
// member that is not the leader.
void check_replicas(const Plan& plan, IssueList& issues);

// A node to recompute is unknown or named twice.
void check_recompute(const Plan& plan, const Graph& graph, IssueList& issues);

// A stage reaches beyond the cluster or is split inside its nodes: such plans are for people and other programs.
void check_stages(const Plan& plan, const Graph& graph, IssueList& issues);

}  // namespace mp
