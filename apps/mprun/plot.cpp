// mprun plot: curves of training runs.
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/common/outputs.hpp"
#include "apps/mprun/commands.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/report/curves.hpp"

namespace mp::apps {
namespace {

struct PlotFlags {
  std::vector<std::string> runs;
  std::string output = "curves.html";
};

ExitCode plot(const PlotFlags& flags) {
  const bool is_svg = flags.output.ends_with(".svg");
  if (!is_svg && !flags.output.ends_with(".html") && !flags.output.starts_with("/dev/")) {
    throw UsageError(fmt::format("-o {}: the name must end in .html or .svg", flags.output));
  }
  check_writable(flags.output);
  std::vector<RunHistory> runs;
  for (const std::string& path : flags.runs) runs.push_back(read_run(path));
  write_file_atomically(flags.output, is_svg ? curves_svg(runs) : curves_page(runs));
  fmt::print(stderr, "{} written\n", flags.output);
  return ExitCode::kGood;
}

}  // namespace

void add_plot(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("plot", "Draw the curves of training runs: loss, learning rate, speed …");
  const auto flags = std::make_shared<PlotFlags>();
  command->add_option("runs", flags->runs, "Metrics files of runs (mprun train --metrics), laid over each other")
      ->required()
      ->type_name("FILE...");
  command->add_option("-o,--output", flags->output, "Where the curves go: NAME.html or NAME.svg [curves.html]")
      ->type_name("FILE");
  command->footer(
      "Example:\n"
      "  mprun train plan.json --metrics one.jsonl --validate-every 50\n"
      "  mprun plot one.jsonl two.csv -o curves.html\n");
  command->callback([flags, &action] { action = [flags] { return plot(*flags); }; });
}

}  // namespace mp::apps
