// mpplan split: nodes cut into parts that may lie on different devices.
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/common/outputs.hpp"
#include "apps/mpplan/commands.hpp"
#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/choose_splits.hpp"
#include "lib/graph/split_nodes.hpp"

namespace mp::apps {
namespace {

struct SplitOptions {
  std::string model;
  std::vector<std::string> nodes;
  std::int64_t devices = 0;
  std::string output{kStandardOutput};
};

ExitCode split(const SplitOptions& o) {
  if (o.nodes.empty() == (o.devices == 0)) {
    throw UsageError("say either which nodes to split (--node conv1=channels:2) or for how many devices (--devices 4)");
  }
  check_outputs_apart({o.output}, {o.model});
  const Model model = read_model(o.model).model;
  std::vector<NodeSplit> splits;
  for (const std::string& node : o.nodes) splits.push_back(parse_node_split(node));
  if (o.nodes.empty()) splits = splits_of_heavy_nodes(bind_model(model, {}, o.model), {.devices = o.devices});
  const std::string text = to_json(split_nodes(model, splits, o.model));
  for (const NodeSplit& s : splits) {
    fmt::print(stderr, "{}: {} parts by {}\n", s.node, s.parts, name_of(s.way));
  }
  if (splits.empty()) fmt::print(stderr, "no node is more than a device's share: nothing is split\n");
  write_output(o.output, text);
  return ExitCode::kGood;
}

}  // namespace

void add_split(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("split", "Cut nodes into parts that may lie on different devices");
  auto options = std::make_shared<SplitOptions>();
  command->add_option("model", options->model, "Model file")->required()->type_name("MODEL");
  command
      ->add_option(
          "--node", options->nodes,
          "Conv or ConvTranspose (channels, rows, inputs), Gemm or MatMul (columns, inputs); may be given again")
      ->allow_extra_args(false)
      ->type_name("NODE=WAY:PARTS");
  command
      ->add_option("--devices", options->devices,
                   "Split every convolution and product that is more work than an equal share of so many devices")
      ->type_name("N")
      ->check(CLI::Range(2, 1024));
  command->add_option("-o,--output", options->output, "File to write; else standard output")->type_name("FILE");
  command->footer(
      "The parameters keep their names and initial values, so that weights and losses are those of the whole model.\n"
      "Example:\n  mpplan split models/unet.json --node up1.conv1=channels:2 -o split.json\n"
      "  mpplan partition split.json --devices 2 -o plan.json");
  command->callback([options, &action] { action = [options] { return split(*options); }; });
}

}  // namespace mp::apps
