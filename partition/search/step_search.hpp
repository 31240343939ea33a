// The search for the plan with the shortest step: estimated by the cost model, judged by simulating the Program.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/prepare.hpp"
#include "partition/portfolio.hpp"
#include "partition/search/pipeline_forms.hpp"
#include "partition/search/step_judge.hpp"

namespace mp::partition {

struct StepSearchOptions {
  std::optional<std::int32_t> microbatches{};  // absent: the search chooses
  std::optional<Schedule> schedule{};          // absent: the search chooses
  SearchSpace space{};
  PortfolioOptions portfolio{};  // of the cuts that are judged, too; its effort and time limit are those of the search
  std::function<void(const std::string&)> progress{};  // told a line now and then
  bool names_what_fits = true;                         // where nothing does: the smallest changes are looked for
  // Of a model in parts: pipelines alone, whose stages are as many devices as nodes have parts; of those estimated at
  // no more than so many seconds (0: whatever they take). False: these, and all else.
  bool lanes_alone = false;
  double worth_s = 0.0;
};

struct StepSearch {
  std::vector<JudgedPlan> plans;  // the best of each kind, best first; never empty, the first fits
  double lower_bound_s = 0.0;     // no plan with any number of microbatches that was tried takes less
  bool optimal = false;           // the first reaches the bound
  std::vector<std::int32_t> microbatches_tried;
  std::int64_t plans_estimated = 0;
  std::int64_t plans_judged = 0;
};

// Pipelines split exactly for the cost model (PipelineEstimate), the cuts of partition_model(), and every kind of
// device alone are compiled and simulated, best estimates first, the best then improved by moves (improve_plan()). So
// no cut plan with these options, and no single device, has a shorter step than the result. The amount of work is
// bounded by the effort, so that the same options give the same plan unless the time limit strikes. `source` names the
// model's file in errors. Throws InfeasibleError where nothing fits, with the smallest changes that would.
[[nodiscard]] StepSearch search_step_time(const Model& model, const std::string& source, const StepShape& shape,
                                          const Cluster& cluster, const StepSearchOptions& options);

// Any plan that fits, found with little work; nothing where none is found.
[[nodiscard]] std::optional<JudgedPlan> first_fitting_plan(const Model& model, const std::string& source,
                                                           const StepShape& shape, const Cluster& cluster,
                                                           const StepSearchOptions& options);

}  // namespace mp::partition
