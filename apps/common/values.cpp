#include "apps/common/values.hpp"

#include <fmt/core.h>

#include <charconv>
#include <string_view>
#include <system_error>

#include "lib/base/error.hpp"

namespace mp::apps {

Bindings StepFlags::bindings() const {
  Bindings result;
  for (const std::string& text : bind) {
    const std::size_t equals = text.find('=');
    std::int64_t extent = 0;
    const std::string_view number = equals == std::string::npos ? "" : std::string_view(text).substr(equals + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), extent);
    if (equals == 0 || error != std::errc{} || end != number.data() + number.size() || extent < 1) {
      throw UsageError(fmt::format("--bind {}: write NAME=EXTENT with an extent of 1 or more, say batch=32", text));
    }
    if (!result.emplace(text.substr(0, equals), extent).second) {
      throw UsageError(fmt::format("--bind names dimension '{}' twice", text.substr(0, equals)));
    }
  }
  return result;
}

std::optional<Optimizer> StepFlags::chosen_optimizer() const {
  if (!optimizer) return std::nullopt;
  const std::optional<OptimizerKind> kind = find_optimizer(*optimizer);
  if (!kind) throw UsageError(fmt::format("--optimizer {}: there are sgd, adam, adamw", *optimizer));
  Optimizer result;
  result.kind = *kind;
  if (*kind != OptimizerKind::kAdamW) result.weight_decay = 0.0;
  return result;
}

std::optional<Precision> precision_of(const std::optional<std::string>& flag) {
  if (!flag) return std::nullopt;
  const std::optional<Precision> found = find_precision(*flag);
  if (!found) throw UsageError(fmt::format("--precision {}: there are float32, bf16", *flag));
  return found;
}

std::optional<Precision> StepFlags::chosen_precision() const { return precision_of(precision); }

std::optional<Schedule> StepFlags::chosen_schedule() const {
  if (!schedule || (may_choose_schedule && wants_auto_schedule())) return std::nullopt;
  if (wants_auto_schedule()) {
    throw UsageError("--schedule auto is for mpplan partition, which writes the schedule it finds into the plan");
  }
  const std::optional<Schedule> found = find_schedule(*schedule);
  if (!found)
    throw UsageError(fmt::format("--schedule {}: there are gpipe, 1f1b, interleaved, zero-bubble{}", *schedule,
                                 may_choose_schedule ? ", auto" : ""));
  return found;
}

void add_shape_flags(CLI::App& command, StepFlags& flags) {
  command.add_option("--bind", flags.bind, "Give a dimension of the model an extent, say batch=32 (repeatable)")
      ->type_name("NAME=EXTENT");
  command.add_option("--microbatches", flags.microbatches, "Parts the batch is split into; they must divide it")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
}

void add_optimizer_flag(CLI::App& command, StepFlags& flags) {
  command.add_option("--optimizer", flags.optimizer, "sgd, adam or adamw: its state counts in the memory")
      ->type_name("NAME");
}

void add_precision_flag(CLI::App& command, std::optional<std::string>& precision) {
  command
      .add_option("--precision", precision,
                  "float32, or bf16: compute in bfloat16 with float32 master weights, losses and statistics")
      ->type_name("NAME");
}

void add_schedule_flag_with_auto(CLI::App& command, StepFlags& flags) {
  flags.may_choose_schedule = true;
  command
      .add_option("--schedule", flags.schedule,
                  "Order of the microbatches on a device: gpipe, 1f1b, interleaved, zero-bubble, or auto, the fastest "
                  "of these that fits the memory, as simulated")
      ->type_name("NAME");
}

void add_schedule_flag(CLI::App& command, StepFlags& flags) {
  command
      .add_option("--schedule", flags.schedule,
                  "Order of the microbatches on a device: gpipe, 1f1b, interleaved or zero-bubble")
      ->type_name("NAME");
}

}  // namespace mp::apps
