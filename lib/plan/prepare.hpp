// The one way from a model and a plan to a Program: planner, simulator and trainer all take it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/graph/graph.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"
#include "lib/program/program.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// One step: its dimensions (the batch being the whole step's; the model's defaults fill in), cut into microbatches.
struct StepShape {
  Bindings bindings;
  std::int32_t microbatches = 1;
  Optimizer optimizer;
  Precision precision = Precision::kFloat32;
};

// Of a whole step; 0: the model has none.
[[nodiscard]] std::int64_t batch_of(const Model& model, const StepShape& shape);

// The shape's bindings, the batch being that of one microbatch. Throws UsageError where the microbatches do not divide
// it.
[[nodiscard]] Bindings microbatch_bindings(const Model& model, const StepShape& shape);

// The model bound to one microbatch, in the shape's precision. `source` names the model's file in errors. Throws
// InputError for what is wrong with the model, UsageError where the microbatches do not divide the batch (naming a
// number that does).
[[nodiscard]] Graph microbatch_graph(const Model& model, const StepShape& shape, std::string_view source);

// The same, differentiated.
[[nodiscard]] TrainingGraph training_graph_of(const Model& model, const StepShape& shape, std::string_view source);

// What replaces the plan's own settings (a recipe, flags), and how its files are called in errors.
struct PrepareOptions {
  std::optional<Optimizer> optimizer;
  std::optional<Precision> precision = {};
  std::optional<std::int32_t> microbatches;
  std::optional<Schedule> schedule;
  Bindings bindings;
  bool collectives = false;  // wherever they can be: for transports that have them
  std::string plan_source = "<plan>";
  std::string model_source = "<model>";
};

// What a plan's Program is compiled from.
struct PreparedStep {
  StepShape shape;  // as run: bindings hold every dimension
  TrainingGraph training;
  PlacementUnits units;
  Placement placement;
  CompileOptions options;  // their cluster is the plan's, which must outlive them
};

// Throws as prepare().
[[nodiscard]] PreparedStep prepare_step(const Plan& plan, const Model& model, const PrepareOptions& options = {});

struct PreparedPlan {
  StepShape shape;  // as run: bindings hold every dimension
  PlacementUnits units;
  Program program;
};

// Throws InputError also where the assignment does not fit the model (check_plan()), UsageError where the microbatches
// fit neither batch nor replicas.
[[nodiscard]] PreparedPlan prepare(const Plan& plan, const Model& model, const PrepareOptions& options = {});

}  // namespace mp
