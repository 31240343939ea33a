// mpplan import: files of other systems become a model, and a cluster where they name devices.
#include <fmt/core.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/outputs.hpp"
#include "apps/common/values.hpp"
#include "apps/mpplan/commands.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "partition/import/formats.hpp"
#include "partition/import/onnx.hpp"

namespace mp::apps {
namespace {

struct ImportOptions {
  std::string input;
  std::optional<std::string> format;
  std::optional<std::string> name;
  StepFlags step;  // --bind alone
  std::string output = "model.json";
  std::optional<std::string> cluster_output;
  std::optional<std::string> weights_output;
};

std::string format_list(bool with_descriptions) {
  std::string list;
  for (const partition::ImportFormat& format : partition::import_formats()) {
    if (!list.empty()) list += with_descriptions ? "\n" : ", ";
    list += with_descriptions ? fmt::format("  {:<18}{}", format.name, format.description) : std::string(format.name);
  }
  return list;
}

const partition::ImportFormat& format_of(const ImportOptions& options, const std::string& bytes) {
  if (!options.format) {
    const partition::ImportFormat* found = partition::recognise_import_format(bytes, options.input);
    if (found != nullptr) return *found;
    throw InputError(options.input, Issue{"", "does not look like any of the formats known (" + format_list(false) +
                                                  "); say which it is with --format"});
  }
  if (const partition::ImportFormat* found = partition::find_import_format(*options.format)) return *found;
  std::vector<std::string_view> names;
  for (const partition::ImportFormat& format : partition::import_formats()) names.push_back(format.name);
  throw UsageError(fmt::format("--format {}{}: there are {}", *options.format, did_you_mean(*options.format, names),
                               format_list(false)));
}

partition::ImportedModel imported_as(const partition::ImportFormat& format, const std::string& bytes,
                                     const ImportOptions& options) {
  const Bindings fixed = options.step.bindings();
  if (fixed.empty()) return format.import(bytes, options.input);
  if (format.name != partition::kOnnxFormat)
    throw UsageError(fmt::format("--bind is for ONNX files: the format {} names no dimensions to fix", format.name));
  return partition::import_onnx_fixed(bytes, options.input, fixed);
}

void check_outputs(const ImportOptions& options) {
  std::vector<std::string> outputs{options.output};
  if (options.cluster_output) outputs.push_back(*options.cluster_output);
  if (options.weights_output) {
    refuse_standard_output("--weights-out", *options.weights_output);
    outputs.push_back(*options.weights_output);
  }
  check_outputs_apart(outputs, {options.input});
}

ExitCode run(const ImportOptions& options) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 31;  // where the largest format, ONNX, ends
  check_outputs(options);
  const std::string bytes = read_file(options.input, kMaxBytes);
  const partition::ImportFormat& format = format_of(options, bytes);
  partition::ImportedModel imported = imported_as(format, bytes, options);
  if (options.name) imported.model.name = *options.name;
  if (options.cluster_output && !imported.cluster) {
    throw UsageError(fmt::format("--cluster-out: files of the format {} name no devices", format.name));
  }
  if (options.weights_output && !imported.write_values)
    throw UsageError(fmt::format("--weights-out: {} holds no values of parameters", options.input));
  static_cast<void>(bind_model(imported.model, {}, options.input));  // nothing invalid leaves this program
  write_output(options.output, to_json(imported.model));
  if (options.cluster_output) write_output(*options.cluster_output, to_json(*imported.cluster));
  if (options.weights_output) imported.write_values(*options.weights_output);
  fmt::print(stderr, "{}: {} nodes from {} ({})\n", options.output, imported.model.nodes.size(), options.input,
             format.name);
  if (options.cluster_output) {
    fmt::print(stderr, "{}: {} devices\n", *options.cluster_output, imported.cluster->devices.size());
  } else if (imported.cluster) {
    fmt::print(stderr, "the file also names {} devices: --cluster-out FILE writes them\n",
               imported.cluster->devices.size());
  }
  if (imported.write_values && !options.weights_output) {
    fmt::print(stderr,
               "the file also holds the values of {} parameters: --weights-out FILE writes them, for mprun "
               "train --load FILE\n",
               imported.model.parameters.size());
  }
  return ExitCode::kGood;
}

}  // namespace

void add_import(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("import", "Turn a file of another system into a model (and a cluster)");
  auto options = std::make_shared<ImportOptions>();
  command->add_option("file", options->input, "File to import")->required()->type_name("FILE");
  command
      ->add_option("--format", options->format,
                   fmt::format("One of: {} (default: by the look of the file)", format_list(false)))
      ->type_name("NAME");
  command->add_option("--name", options->name, "Name of the model (default: the file's)")->type_name("NAME");
  command
      ->add_option("--bind", options->step.bind,
                   "Fix a named dimension of an ONNX file, where shapes depend on several (repeatable)")
      ->type_name("NAME=EXTENT");
  command->add_option("-o,--output", options->output, "Model to write (default: model.json)")->type_name("FILE");
  command->add_option("--cluster-out", options->cluster_output, "Cluster to write, where the format names devices")
      ->type_name("FILE");
  command
      ->add_option("--weights-out", options->weights_output,
                   "Values of the parameters to write (safetensors), where the format holds them")
      ->type_name("FILE");
  command->footer("Formats:\n" + format_list(true) +
                  "\nExample:\n"
                  "  mpplan import workload.json -o model.json --cluster-out cluster.json\n"
                  "  mpplan partition model.json --cluster cluster.json --objective max-load --contiguous\n"
                  "Exit codes: 0 good, 2 wrong usage, 3 bad input, 5 disk.");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace mp::apps
