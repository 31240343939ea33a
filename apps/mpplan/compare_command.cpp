// mpplan compare: did a plan get worse? For CI.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/commands.hpp"
#include "apps/mpplan/max_load_command.hpp"
#include "apps/mpplan/plan_loading.hpp"
#include "apps/mpplan/report_fields.hpp"
#include "lib/base/error.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/plan/predict.hpp"
#include "partition/max_load/model_loads.hpp"
#include "partition/model/partition_model.hpp"

namespace mp::apps {
namespace {

struct CompareOptions {
  std::string old_plan;
  std::string new_plan;
  std::string max_regression = "1%";
  bool json = false;
};

struct Figures {
  Plan plan;
  Prediction prediction;
  bool recomputed = false;
  std::optional<double> max_load_s{};  // of plans made for it, with the model at hand
};

bool is_for_max_load(const Plan& plan) { return plan.predicted && plan.predicted->objective == kMaxLoadObjective; }

// The figures are counted again from the model, so that two plans are measured by the same yardstick; where the model
// is not at hand, those in the file are taken.
Figures figures_of(const std::string& path) {
  Figures figures{.plan = read_plan(path), .prediction = {}, .recomputed = false};
  try {
    const LoadedPlan loaded = load_plan(path, {});
    figures.prediction = predict(loaded.prepared.program, loaded.prepared.units, loaded.plan.cluster);
    figures.recomputed = true;
    if (is_for_max_load(figures.plan)) {
      const Program& program = loaded.prepared.program;
      figures.max_load_s =
          partition::max_load_of(program.training, loaded.prepared.units, loaded.plan.cluster, program.placement);
    }
  } catch (const InputError&) {
    if (!figures.plan.predicted) throw;
    figures.prediction = *figures.plan.predicted;
  }
  return figures;
}

void require_comparable(const Figures& older, const Figures& newer, const CompareOptions& options) {
  const auto differ = [&](std::string place, std::string_view what, std::string_view a, std::string_view b) {
    throw InputError(options.new_plan,
                     Issue{std::move(place), fmt::format("{} is {}, but {} in {}: these plans cannot be compared", what,
                                                         b, a, options.old_plan)});
  };
  const Plan& a = older.plan;
  const Plan& b = newer.plan;
  if (!a.model_sha256.empty() && !b.model_sha256.empty() && a.model_sha256 != b.model_sha256) {
    differ("/model", "the SHA-256 of the model", a.model_sha256, b.model_sha256);
  }
  if (a.model_name != b.model_name) differ("/model", "the model", a.model_name, b.model_name);
  if (a.cluster.devices.size() != b.cluster.devices.size()) {
    differ("/cluster", "the number of devices", std::to_string(a.cluster.devices.size()),
           std::to_string(b.cluster.devices.size()));
  }
  if (a.microbatches != b.microbatches) {
    differ("/microbatches", "the number of microbatches", std::to_string(a.microbatches),
           std::to_string(b.microbatches));
  }
  if (a.bindings != b.bindings) differ("/bindings", "the binding of dimensions", "different", "different");
}

struct Row {
  std::string name;
  double older = 0.0;
  double newer = 0.0;
  bool is_share = false;  // a share: compared in percentage points; else bytes or seconds: compared in per cent
  bool worse = false;
  bool is_seconds = false;
};

// Bytes got worse when they grew by more than the share allowed; an imbalance when it grew by more than as many
// percentage points, beyond the balance that plans are made for.
std::vector<Row> rows_of(const Prediction& a, const Prediction& b, double allowed) {
  const auto bytes_row = [&](std::string name, std::int64_t older, std::int64_t newer) {
    const auto before = static_cast<double>(older);
    const auto after = static_cast<double>(newer);
    return Row{std::move(name), before, after, false, after > before * (1.0 + allowed), false};
  };
  const auto share_row = [&](std::string name, double older, double newer) {
    constexpr double kRounding = 1e-9;
    const double fair = std::max(older, partition::kDefaultImbalance);
    return Row{std::move(name), older, newer, true, newer > fair + allowed + kRounding, false};
  };
  return {bytes_row("cut", a.cut_bytes, b.cut_bytes),
          bytes_row("communication volume", a.communication_volume_bytes, b.communication_volume_bytes),
          share_row("imbalance of compute", a.imbalance.compute, b.imbalance.compute),
          share_row("imbalance of memory", a.imbalance.memory, b.imbalance.memory)};
}

// Two plans made for the least max-load are judged by that alone.
std::vector<Row> rows_of(const Figures& older, const Figures& newer, double allowed) {
  std::vector<Row> rows = rows_of(older.prediction, newer.prediction, allowed);
  if (!older.max_load_s || !newer.max_load_s) return rows;
  for (Row& row : rows) row.worse = false;
  rows.insert(rows.begin(), Row{"max load", *older.max_load_s, *newer.max_load_s, false,
                                *newer.max_load_s > *older.max_load_s * (1.0 + allowed), true});
  return rows;
}

std::string change_text(const Row& row) {
  if (row.is_share) return fmt::format("{:+.1f} points", (row.newer - row.older) * 100.0);
  if (row.older == row.newer) return "+0.0 %";
  if (row.older == 0.0) return "new";
  return fmt::format("{:+.1f} %", (row.newer / row.older - 1.0) * 100.0);
}

std::string text_of(const std::vector<Row>& rows, const Figures& older, bool worse) {
  const auto value = [](const Row& row, double v) {
    if (row.is_seconds) return fmt::format("{:.6g} ms", v * 1e3);
    return row.is_share ? percent_text(v) : bytes_text(static_cast<std::int64_t>(v));
  };
  Table table({"", "old", "new", "change", ""});
  for (const Row& row : rows) {
    table.add({row.name, value(row, row.older), value(row, row.newer), change_text(row), row.worse ? "WORSE" : "ok"});
  }
  return fmt::format("{}\n{}{}\n", heading_of(older.plan), table.text(), worse ? "regression" : "no regression");
}

std::string json_of(const std::vector<Row>& rows, const Figures& older, bool worse) {
  JsonWriter writer;
  writer.begin_object().member("model", older.plan.model_name).member("regression", worse).key("figures").begin_array();
  for (const Row& row : rows) {
    writer.begin_object(JsonWriter::Layout::kInline).member("name", row.name).member("old", row.older);
    writer.member("new", row.newer).member("worse", row.worse).end();
  }
  writer.end().end();
  return std::move(writer).take();
}

ExitCode run(const CompareOptions& options) {
  const double allowed = parse_percent("--max-regression", options.max_regression);
  Figures older = figures_of(options.old_plan);
  Figures newer = figures_of(options.new_plan);
  require_comparable(older, newer, options);
  if (older.recomputed != newer.recomputed && older.plan.predicted && newer.plan.predicted) {
    older.prediction = *older.plan.predicted;
    newer.prediction = *newer.plan.predicted;
  }
  const std::vector<Row> rows = rows_of(older, newer, allowed);
  const bool worse = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.worse; });
  fmt::print("{}", options.json ? json_of(rows, older, worse) : text_of(rows, older, worse));
  return worse ? ExitCode::kNo : ExitCode::kGood;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("compare", "Compare two plans of one model; exit 1 when the new one is worse");
  auto options = std::make_shared<CompareOptions>();
  command->add_option("old", options->old_plan, "Plan to compare with")->required()->type_name("OLD");
  command->add_option("new", options->new_plan, "Plan to judge")->required()->type_name("NEW");
  command->add_option("--max-regression", options->max_regression, "Growth that is let pass (default: 1%)")
      ->type_name("SHARE");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer("Exit codes: 0 not worse, 1 worse, 2 wrong usage, 3 bad or different plans.");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace mp::apps
