// mpplan inspect: check a model and show what each node costs.
#include <fmt/core.h>

#include <memory>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/common/values.hpp"
#include "apps/mpplan/commands.hpp"
#include "lib/costs/costs.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/model_file.hpp"
#include "lib/operators/operator.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/training/flows.hpp"

namespace mp::apps {
namespace {

struct InspectOptions {
  std::string model;
  StepFlags step;
  bool json = false;
};

struct NodeCosts {
  OperatorCost forward;
  OperatorCost backward;
  std::int64_t parameter_bytes = 0;
  std::int64_t activation_bytes = 0;  // its outputs
  std::string output_type;
};

void add(OperatorCost& sum, const OperatorCost& more) {
  sum.flops += more.flops;
  sum.bytes_read += more.bytes_read;
  sum.bytes_written += more.bytes_written;
}

// Per forward node; parameters count where they live.
IdVector<NodeId, NodeCosts> costs_of(const TrainingGraph& training) {
  IdVector<NodeId, NodeCosts> costs(static_cast<std::size_t>(training.forward_nodes));
  for (const NodeId id : ids<NodeId>(training.graph.nodes().size())) {
    NodeCosts& node = costs[training.placed_with[id]];
    if (training.phase[id] == Phase::kForward) {
      add(node.forward, cost_of(training.graph, id));
      for (const TensorId output : training.graph.node(id).outputs) {
        if (output == kNone<TensorId>) continue;
        const TensorType& type = training.graph.tensor(output).type;
        if (node.output_type.empty()) node.output_type = to_string(type);
        if (!training.graph.node(id).op->is_view) node.activation_bytes += bytes(type);
      }
    } else if (training.phase[id] == Phase::kBackward) {
      add(node.backward, cost_of(training.graph, id));
    }
  }
  std::vector<bool> is_state(training.graph.tensors().size(), false);
  for (const TrainedParameter& trained : training.trained) {
    for (const TensorId state : trained.state) is_state[index(state)] = true;
  }
  for (const GraphParameter& parameter : training.graph.parameters()) {
    const NodeId home = training.home[parameter.tensor];
    if (home == kNone<NodeId> || is_state[index(parameter.tensor)]) continue;
    costs[home].parameter_bytes += bytes(training.graph.tensor(parameter.tensor).type);
  }
  return costs;
}

std::string flops_text(double flops) {
  if (flops >= 1e9) return fmt::format("{:.2f} G", flops / 1e9);
  if (flops >= 1e6) return fmt::format("{:.2f} M", flops / 1e6);
  return fmt::format("{:.1f} k", flops / 1e3);
}

std::string text_of(const TrainingGraph& training, const IdVector<NodeId, NodeCosts>& costs) {
  Table table(
      {"node", "operator", "output", "FLOPs fwd", "FLOPs bwd", "moved fwd", "moved bwd", "parameters", "activations"});
  NodeCosts sum;
  const auto moved = [](const OperatorCost& c) {
    return bytes_text(static_cast<std::int64_t>(c.bytes_read + c.bytes_written));
  };
  for (const NodeId id : ids<NodeId>(costs.size())) {
    const NodeCosts& c = costs[id];
    table.add({training.graph.node(id).name, training.graph.node(id).op_name, c.output_type,
               flops_text(c.forward.flops), flops_text(c.backward.flops), moved(c.forward), moved(c.backward),
               bytes_text(c.parameter_bytes), bytes_text(c.activation_bytes)});
    add(sum.forward, c.forward);
    add(sum.backward, c.backward);
    sum.parameter_bytes += c.parameter_bytes;
    sum.activation_bytes += c.activation_bytes;
  }
  table.add({"all", "", "", flops_text(sum.forward.flops), flops_text(sum.backward.flops), moved(sum.forward),
             moved(sum.backward), bytes_text(sum.parameter_bytes), bytes_text(sum.activation_bytes)});
  return fmt::format("{}: {} nodes, {} parameters, valid; costs of one microbatch\n\n{}", training.graph.name(),
                     costs.size(), training.trained.size(), table.text());
}

void write_cost(JsonWriter& writer, std::string_view key, const OperatorCost& cost) {
  writer.key(key).begin_object(JsonWriter::Layout::kInline).member("flops", cost.flops);
  writer.member("bytes_read", cost.bytes_read).member("bytes_written", cost.bytes_written).end();
}

std::string json_of(const TrainingGraph& training, const IdVector<NodeId, NodeCosts>& costs) {
  JsonWriter writer;
  writer.begin_object().member("model", training.graph.name()).key("nodes").begin_array();
  for (const NodeId id : ids<NodeId>(costs.size())) {
    writer.begin_object(JsonWriter::Layout::kInline).member("name", training.graph.node(id).name);
    writer.member("op", training.graph.node(id).op_name).member("output", costs[id].output_type);
    write_cost(writer, "forward", costs[id].forward);
    write_cost(writer, "backward", costs[id].backward);
    writer.member("parameter_bytes", costs[id].parameter_bytes).member("activation_bytes", costs[id].activation_bytes);
    writer.end();
  }
  writer.end().end();
  return std::move(writer).take();
}

ExitCode run(const InspectOptions& options) {
  const ModelFile file = read_model(options.model);
  const StepShape shape{.bindings = options.step.bindings(),
                        .microbatches = options.step.microbatches.value_or(1),
                        .optimizer = {},
                        .precision = options.step.chosen_precision().value_or(Precision::kFloat32)};
  const TrainingGraph training = training_graph_of(file.model, shape, options.model);
  const IdVector<NodeId, NodeCosts> costs = costs_of(training);
  fmt::print("{}", options.json ? json_of(training, costs) : text_of(training, costs));
  return ExitCode::kGood;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("inspect", "Check a model and show shape and cost of every node");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("model", options->model, "Model (model.json)")->required()->type_name("FILE");
  add_shape_flags(*command, options->step);
  add_precision_flag(*command, options->step.precision);
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer("Example:\n  mpplan inspect models/gpt-1m.json --bind batch=4 --precision bf16");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace mp::apps
