#include "apps/mpplan/fitting_changes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "apps/mpplan/model_planning.hpp"
#include "lib/training/recompute_choice.hpp"
#include "partition/search/smallest_changes.hpp"
#include "partition/search/step_search.hpp"

namespace mp::apps {
namespace {

constexpr int kMostDoublings = 3;
constexpr double kPatience_s = 10.0;

using Clock = std::chrono::steady_clock;

class Changes {
 public:
  Changes(const PartitionOptions& options, const Model& model, const Cluster& cluster, const FitsWith& fits)
      : options_(options),
        model_(model),
        cluster_(cluster),
        try_(fits),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(options.time_limit_s.value_or(kPatience_s)))) {
    options_.effort = "fast";
    options_.json = true;  // tries tell nothing
    options_.profile.reset();
    const Bindings bindings = options_.step.bindings();
    const auto asked = bindings.find(kBatchDimension);
    const auto known = model.dimensions.find(kBatchDimension);
    if (known != model.dimensions.end()) batch_ = asked != bindings.end() ? asked->second : known->second;
  }

  std::vector<std::string> run() && {
    recomputation();
    more_microbatches();
    smaller_batch();
    another_objective();
    more_devices();  // last: the larger the cluster, the longer a try
    return std::move(found_);
  }

 private:
  [[nodiscard]] double seconds_left() const { return std::chrono::duration<double>(deadline_ - Clock::now()).count(); }

  // False, too, once the time is over: what is not tried is not told.
  [[nodiscard]] bool fits(PartitionOptions with, const Cluster& cluster) const {
    with.time_limit_s = seconds_left();
    return *with.time_limit_s > 0.0 && try_(with, cluster);
  }

  void recomputation() {
    if (options_.recompute != name_of(RecomputePattern::kNone)) return;
    PartitionOptions with = options_;
    with.recompute = "auto";
    if (fits(with, cluster_)) found_.emplace_back("recomputation (--recompute auto)");
  }

  void more_microbatches() {
    PartitionOptions with = options_;
    const std::int64_t now = options_.step.microbatches.value_or(options_.replicas);
    for (std::int64_t more = 2 * now; more <= batch_; more *= 2) {
      if (batch_ % more != 0) return;
      with.step.microbatches = static_cast<std::int32_t>(more);
      if (!fits(with, cluster_)) continue;
      found_.push_back(fmt::format("{} microbatches (--microbatches {})", more, more));
      return;
    }
  }

  [[nodiscard]] bool fits_on(std::size_t devices) const {
    return fits(options_, partition::with_devices(cluster_, devices));
  }

  // Doubled until they do, then the fewest between by halves, each replica having as many.
  void more_devices() {
    if (!cluster_.matrix.empty()) return;  // nobody knows the links of further devices
    const auto unit = static_cast<std::size_t>(options_.replicas);
    std::size_t too_few = cluster_.devices.size() / unit;
    std::size_t enough = 0;
    for (int doublings = 0; enough == 0 && doublings < kMostDoublings; ++doublings) {
      const std::size_t devices = 2 * too_few;
      (fits_on(devices * unit) ? enough : too_few) = devices;
    }
    if (enough == 0) return;
    while (enough - too_few > 1) {
      const std::size_t middle = too_few + (enough - too_few) / 2;
      (fits_on(middle * unit) ? enough : too_few) = middle;
    }
    found_.push_back(fmt::format("{} devices instead of {}", enough * unit, cluster_.devices.size()));
  }

  void smaller_batch() {
    const std::int64_t microbatches = options_.step.microbatches.value_or(options_.replicas);
    for (std::int64_t smaller = batch_ / 2; smaller >= microbatches && smaller % microbatches == 0; smaller /= 2) {
      PartitionOptions with = options_;
      std::erase_if(with.step.bind, [](const std::string& bind) { return bind.rfind(kBatch, 0) == 0; });
      with.step.bind.push_back(fmt::format("{}{}", kBatch, smaller));
      if (!fits(with, cluster_)) continue;
      found_.push_back(fmt::format("a batch of {} instead of {} (--bind {}{})", smaller, batch_, kBatch, smaller));
      return;
    }
  }

  void another_objective() {
    if (seconds_left() <= 0.0) return;
    const partition::StepSearchOptions search{.microbatches = options_.step.microbatches,
                                              .schedule = options_.step.chosen_schedule(),
                                              .space = {.replicas = true, .recompute = true, .most_zero = 3},
                                              .portfolio = portfolio_options(options_)};
    const auto plan = partition::first_fitting_plan(model_, options_.input, step_shape_of(options_), cluster_, search);
    if (plan) found_.emplace_back("a plan for the shortest step (--objective step-time)");
  }

  static constexpr const char* kBatch = "batch=";

  PartitionOptions options_;
  const Model& model_;
  const Cluster& cluster_;
  const FitsWith& try_;
  Clock::time_point deadline_;
  std::int64_t batch_ = 0;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> changes_that_fit(const PartitionOptions& options, const Model& model, const Cluster& cluster,
                                          const FitsWith& fits) {
  return Changes(options, model, cluster, fits).run();
}

}  // namespace mp::apps
