#include "lib/training/inference.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/training/rewrite.hpp"

namespace mp {
namespace {

// Whether a tensor is a parameter or made of one.
IdVector<TensorId, bool> touched_by_parameters(const Graph& graph) {
  IdVector<TensorId, bool> touched(graph.tensors().size(), false);
  for (const GraphParameter& parameter : graph.parameters()) touched[parameter.tensor] = true;
  for (const Node& node : graph.nodes()) {
    const bool is_touched = std::any_of(node.inputs.begin(), node.inputs.end(),
                                        [&](TensorId t) { return t != kNone<TensorId> && touched[t]; });
    for (const TensorId t : node.outputs) {
      if (t != kNone<TensorId>) touched[t] = is_touched;
    }
  }
  return touched;
}

// Whether nobody reads what a training-mode BatchNormalization makes of its running statistics.
bool keeps_statistics_to_itself(const Graph& graph, const Node& node) {
  return std::all_of(node.outputs.begin() + 1, node.outputs.end(),
                     [&](TensorId t) { return t == kNone<TensorId> || graph.consumers(t).empty(); });
}

// A node in inference mode; its outputs' names.
std::vector<std::string> switch_mode(const Graph& graph, bool is_touched, Node& node) {
  std::vector<std::string> outputs;
  for (const TensorId t : node.outputs) outputs.push_back(t == kNone<TensorId> ? "" : graph.tensor(t).name);
  if (node.op->name == "Dropout" && is_touched) {
    node.op_name = "Identity";
    node.op = find_operator("Identity");
    node.attributes = {};
    node.cost.reset();
  } else if (node.op->name == "BatchNormalization" && keeps_statistics_to_itself(graph, node)) {
    node.attributes.set("training_mode", std::int64_t{0});
    outputs.resize(1);
  }
  return outputs;
}

}  // namespace

Graph inference_graph(const Graph& forward) {
  const IdVector<TensorId, bool> touched = touched_by_parameters(forward);
  GraphBuilder builder(forward.name());
  IdVector<TensorId, TensorId> copy = copy_inputs_and_parameters(forward, builder);
  for (const Node& original : forward.nodes()) {
    Node node = original;
    const bool is_touched = !node.inputs.empty() && node.inputs[0] != kNone<TensorId> && touched[node.inputs[0]];
    const std::vector<std::string> outputs = switch_mode(forward, is_touched, node);
    for (TensorId& input : node.inputs) input = input == kNone<TensorId> ? input : copy[input];
    std::vector<TensorType> types;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const TensorId output = original.outputs[o];
      types.push_back(output == kNone<TensorId> ? TensorType{} : forward.tensor(output).type);
    }
    const NodeId id = builder.add_checked(std::move(node), outputs, types);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (original.outputs[o] != kNone<TensorId>) copy[original.outputs[o]] = builder.peek().node(id).outputs[o];
    }
  }
  if (forward.loss() != kNone<TensorId>) builder.set_loss(copy[forward.loss()], forward.loss_reduction());
  return std::move(builder).build();
}

std::optional<Classification> classification_of(const Graph& graph) {
  std::optional<Classification> found;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(id);
    if (node.op->name != "SoftmaxCrossEntropyLoss") continue;
    const bool is_constant = graph.tensor(node.inputs[0]).kind == TensorKind::kParameter ||
                             graph.tensor(node.inputs[1]).kind == TensorKind::kParameter;
    if (found || is_constant) return std::nullopt;
    const std::string reduction = node.attributes.get_string("reduction", "mean");
    found = {.loss = id,
             .scores = node.inputs[0],
             .labels = node.inputs[1],
             .ignored_label = std::nullopt,
             .is_whole_loss = node.outputs[0] == graph.loss() && node.inputs.size() < 3 && reduction != "none",
             .is_mean = reduction == "mean"};
    if (node.attributes.has("ignore_index")) found->ignored_label = node.attributes.get_int("ignore_index", 0);
  }
  return found;
}

}  // namespace mp
