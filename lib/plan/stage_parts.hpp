// Stages that are split inside their nodes (tensor parallel), as a model in parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

// Part i (from 0) of a node or tensor: "<name>.part1", …
[[nodiscard]] std::string stage_part_name(const std::string& name, std::int64_t i);

// The model in which every node with measured costs of a stage of tensor_parallel t > 1 is t nodes. Each takes the time
// of the stage's option for the node, shared between forward and backward as in the node's cost, keeps that option's
// parameters, and makes all of the outputs (what the options measured includes putting them together on every device).
// It reads the outputs of the part at its own place; of a stage with fewer devices, those of its place modulo their
// number. Nodes without measured costs, and all of a model to be trained, stay whole, which check_plan() will refuse.
[[nodiscard]] Model model_in_stage_parts(const Model& model, const std::vector<PlanStage>& stages);

}  // namespace mp
