// Values of flags that both programs take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/optimizer.hpp"

namespace mp::apps {

// What shapes a training step: --bind, --microbatches, --optimizer, --precision, --schedule.
struct StepFlags {
  std::vector<std::string> bind;
  std::optional<std::int32_t> microbatches;
  std::optional<std::string> optimizer;
  std::optional<std::string> precision;
  std::optional<std::string> schedule;
  bool may_choose_schedule = false;  // "auto" is a value of --schedule

  // Throws UsageError for anything but name=positive number.
  [[nodiscard]] Bindings bindings() const;
  // Throws UsageError listing the names there are.
  [[nodiscard]] std::optional<Optimizer> chosen_optimizer() const;
  [[nodiscard]] std::optional<Precision> chosen_precision() const;
  // None where the schedule is absent or "auto", which only add_schedule_flag_with_auto() lets be.
  [[nodiscard]] std::optional<Schedule> chosen_schedule() const;
  [[nodiscard]] bool wants_auto_schedule() const { return schedule == "auto"; }
};

void add_shape_flags(CLI::App& command, StepFlags& flags);  // --bind, --microbatches
void add_optimizer_flag(CLI::App& command, StepFlags& flags);
void add_precision_flag(CLI::App& command, std::optional<std::string>& precision);
// The value of such a flag. Throws UsageError listing the names there are.
[[nodiscard]] std::optional<Precision> precision_of(const std::optional<std::string>& flag);
void add_schedule_flag(CLI::App& command, StepFlags& flags);
void add_schedule_flag_with_auto(CLI::App& command, StepFlags& flags);

}  // namespace mp::apps
