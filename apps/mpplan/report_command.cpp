// mpplan report: a plan as a page to look at, a picture, or words.
#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "apps/common/outputs.hpp"
#include "apps/mpplan/commands.hpp"
#include "apps/mpplan/plan_loading.hpp"
#include "lib/base/error.hpp"
#include "lib/plan/predict.hpp"
#include "lib/program/simulate.hpp"
#include "lib/report/report.hpp"

namespace mp::apps {
namespace {

using Writer = std::string (*)(const ReportInput&);

struct ReportFormat {
  Writer write = nullptr;
  std::string extension;
};

const std::map<std::string, ReportFormat>& formats() {
  static const std::map<std::string, ReportFormat> kFormats = {{"html", {html_report, ".html"}},
                                                               {"markdown", {markdown_report, ".md"}},
                                                               {"svg", {svg_report, ".svg"}},
                                                               {"dot", {dot_report, ".dot"}}};
  return kFormats;
}

struct ReportOptions {
  std::string plan;
  StepFlags step;
  bool nccl = false;
  std::optional<std::string> format;
  std::optional<std::string> output;
};

// What --format says; else what the output's name says; else a page.
const ReportFormat& format_of(const ReportOptions& options) {
  if (options.format) return formats().at(*options.format);
  const std::string extension = std::filesystem::path(options.output.value_or("")).extension();
  for (const auto& [name, format] : formats()) {
    if (extension == format.extension) return format;
  }
  if (extension.empty() || extension == ".htm") return formats().at("html");
  throw UsageError(fmt::format("-o {}: no format goes by '{}'; say --format html, markdown, svg or dot",
                               *options.output, extension));
}

ExitCode run(const ReportOptions& options) {
  const ReportFormat& format = format_of(options);
  const std::string output = options.output.value_or("report" + format.extension);
  check_outputs_apart({output}, {options.plan});
  const LoadedPlan loaded = load_plan(options.plan, options.step, options.nccl);
  Plan plan = loaded.plan;  // as it is run: flags may have changed it
  plan.schedule = loaded.prepared.program.schedule;
  plan.microbatches = loaded.prepared.program.microbatches;
  const Simulation simulation = simulate(loaded.prepared.program, plan.cluster);
  const Prediction prediction = predict(loaded.prepared.program, loaded.prepared.units, plan.cluster);
  const ReportInput input{
      .plan = plan, .prepared = loaded.prepared, .prediction = prediction, .simulation = simulation};
  write_output(output, format.write(input));
  if (output != kStandardOutput) fmt::print(stderr, "{} written\n", output);
  return ExitCode::kGood;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("report", "Write a plan as a page to look at, a picture, or words");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("plan", options->plan, "Plan (plan.json)")->required()->type_name("FILE");
  std::vector<std::string> names;
  for (const auto& [name, format] : formats()) names.push_back(name);
  command
      ->add_option("--format", options->format, "html, markdown, svg or dot (default: by the output's name, or html)")
      ->check(CLI::IsMember(names))
      ->type_name("FORMAT");
  command
      ->add_option("-o,--output", options->output,
                   "Where to write; - is standard output (default: report.html, .md, .svg or .dot)")
      ->type_name("FILE");
  add_shape_flags(*command, options->step);
  add_optimizer_flag(*command, options->step);
  add_precision_flag(*command, options->step.precision);
  add_schedule_flag(*command, options->step);
  add_nccl_flag(*command, options->nccl);
  command->footer(
      "Examples:\n"
      "  mpplan report plan.json -o report.html         the graph by device, one step's timeline, memory, cut tensors\n"
      "  mpplan report plan.json -o - --format markdown | less\n"
      "  mpplan report plan.json --format dot -o - | dot -Tpdf > plan.pdf");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace mp::apps
