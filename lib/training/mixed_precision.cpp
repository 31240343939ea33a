#include "lib/training/mixed_precision.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr std::string_view kInserted = "inserted";

// kAlways: bfloat16. kFollow: bfloat16 where some activation comes as such. Inputs from `values` on stay as they are.
enum class Rule : std::uint8_t { kFloat32, kFollow, kAlways };
struct Policy {
  Rule rule = Rule::kFloat32;
  std::size_t values = std::numeric_limits<std::size_t>::max();
};

using PolicyTable = std::map<std::string_view, Policy>;

PolicyTable make_table() {
  PolicyTable table;
  for (const char* op : {"MatMul", "FusedMatMul", "Gemm", "Conv", "ConvTranspose"}) table[op] = {Rule::kAlways};
  table["Attention"] = {Rule::kAlways, 3};
  table["Gather"] = {Rule::kAlways, 1};
  for (const char* op : {"Add",     "Sub",       "Mul",       "Div",     "Neg",         "Abs",
                         "Relu",    "LeakyRelu", "Elu",       "Gelu",    "Swish",       "Sigmoid",
                         "Tanh",    "Dropout",   "MaxPool",   "Reshape", "AveragePool", "GlobalAveragePool",
                         "Flatten", "Squeeze",   "Unsqueeze", "Resize",  "Identity",    "Transpose",
                         "Concat",  "Split",     "Slice",     "Pad",     "Expand",      "Where"}) {
    table[op] = {Rule::kFollow};
  }
  for (const char* op : {"LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization",
                         "BatchNormalization", "RotaryEmbedding", "SoftmaxCrossEntropyLoss"}) {
    table[op] = {Rule::kFollow, 1};
  }
  return table;
}

Policy policy_of(const Node& node) {
  static const PolicyTable table = make_table();
  const auto found = table.find(node.op->name);
  if (found == table.end()) return {};
  const bool gives_log_prob = node.outputs.size() > 1 && node.outputs[1] != kNone<TensorId>;
  if (node.op->name == "SoftmaxCrossEntropyLoss" && gives_log_prob) return {};
  return found->second;
}

class Rewriter {
 public:
  explicit Rewriter(const Graph& forward)
      : forward_(forward),
        builder_(forward.name()),
        is_low_(forward.nodes().size(), false),
        is_rounded_(forward.tensors().size(), false),
        is_wanted_rounded_(forward.tensors().size(), false),
        moved_(forward.tensors().size(), kNone<TensorId>),
        rounded_(forward.tensors().size(), kNone<TensorId>) {}

  Graph run() && {
    for (const NodeId n : ids<NodeId>(forward_.nodes().size())) decide(n);
    for (const NodeId n : ids<NodeId>(forward_.nodes().size())) round_parameters_of(n);
    for (const NodeId n : ids<NodeId>(forward_.nodes().size())) find_wanted_casts(n);
    for (const GraphInput& input : forward_.inputs()) {
      const Tensor& tensor = forward_.tensor(input.tensor);
      moved_[input.tensor] = builder_.add_input(tensor.name, tensor.type, input.data);
    }
    for (const GraphParameter& parameter : forward_.parameters()) add_parameter(parameter);
    for (const NodeId n : ids<NodeId>(forward_.nodes().size())) add(n);
    if (forward_.loss() != kNone<TensorId>) add_loss();
    return std::move(builder_).build();
  }

 private:
  [[nodiscard]] bool is_float32(TensorId t) const { return forward_.tensor(t).type.type == DataType::kFloat32; }

  // Is input i of the node a value that the node may take as bfloat16?
  [[nodiscard]] bool is_value(const Node& node, std::size_t i) const {
    return node.inputs[i] != kNone<TensorId> && i < policy_of(node).values && is_float32(node.inputs[i]);
  }

  [[nodiscard]] bool follows(const Node& node) const {
    bool any_value = false;
    bool parameters_alone = true;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!is_value(node, i)) continue;
      if (is_rounded_[node.inputs[i]]) return true;
      any_value = true;
      parameters_alone = parameters_alone && forward_.tensor(node.inputs[i]).kind == TensorKind::kParameter;
    }
    if (!any_value || !parameters_alone) return false;
    // A parameter moved about: as those who read it want it.
    for (const TensorId output : node.outputs) {
      if (output == kNone<TensorId>) continue;
      for (const NodeId reader : forward_.consumers(output)) {
        if (policy_of(forward_.node(reader)).rule == Rule::kAlways) return true;
      }
    }
    return false;
  }

  void decide(NodeId n) {
    const Node& node = forward_.node(n);
    const Rule rule = policy_of(node).rule;
    is_low_[n] = rule == Rule::kAlways || (rule == Rule::kFollow && follows(node));
    if (!is_low_[n]) return;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNone<TensorId> || !is_float32(node.outputs[i])) continue;
      is_rounded_[node.outputs[i]] = gives_values(node, i);
    }
  }

  // Statistics, and a loss, are float32.
  [[nodiscard]] static bool gives_values(const Node& node, std::size_t output) {
    const bool has_statistics = policy_of(node).values != Policy{}.values;
    return node.op->name != "SoftmaxCrossEntropyLoss" && (output == 0 || !has_statistics);
  }

  void round_parameters_of(NodeId n) {
    const Node& node = forward_.node(n);
    for (std::size_t i = 0; is_low_[n] && i < node.inputs.size(); ++i) {
      if (!is_value(node, i)) continue;
      const Tensor& tensor = forward_.tensor(node.inputs[i]);
      if (tensor.kind != TensorKind::kParameter) continue;
      const bool trained = forward_.parameters()[static_cast<std::size_t>(tensor.source)].trainable;
      is_rounded_[node.inputs[i]] = is_rounded_[node.inputs[i]] || trained;
    }
  }

  [[nodiscard]] bool wants_rounded(NodeId n, std::size_t i) const {
    return is_low_[n] && is_value(forward_.node(n), i);
  }

  void find_wanted_casts(NodeId n) {
    const Node& node = forward_.node(n);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNone<TensorId> || is_rounded_[node.inputs[i]] || !wants_rounded(n, i)) continue;
      is_wanted_rounded_[node.inputs[i]] = true;
    }
  }

  void add_parameter(const GraphParameter& parameter) {
    const Tensor& tensor = forward_.tensor(parameter.tensor);
    TensorType type = tensor.type;
    if (is_rounded_[parameter.tensor]) type.type = DataType::kBfloat16;
    moved_[parameter.tensor] = builder_.add_parameter(tensor.name, std::move(type), parameter.initializer,
                                                      parameter.trainable, parameter.weight_decay, parameter.shard);
  }

  TensorId cast(TensorId from, DataType to, const std::string& name, const std::string& group) {
    Node node;
    node.name = builder_.fresh_name(name);
    node.op_name = "Cast";
    node.inputs = {from};
    node.attributes = {{"to", std::string(name_of(to))}, {std::string(kInserted), std::int64_t{1}}};
    node.colocate = group;
    const std::vector<std::string> outputs{node.name};
    return builder_.peek().node(builder_.add_node(std::move(node), outputs)).outputs[0];
  }

  // The tensor in the type that the node reads it in; `group`: the node's, made where a Cast must run with it.
  TensorId operand(NodeId n, std::size_t i, std::string& group) {
    const Node& node = forward_.node(n);
    const TensorId t = node.inputs[i];
    if (t == kNone<TensorId>) return t;
    const bool wanted = wants_rounded(n, i);
    if (wanted == is_rounded_[t] || !is_float32(t)) return moved_[t];
    if (wanted && rounded_[t] != kNone<TensorId>) return rounded_[t];
    const DataType to = wanted ? DataType::kBfloat16 : DataType::kFloat32;
    if (group.empty()) group = node.name;
    return cast(moved_[t], to, node.name + "." + forward_.tensor(t).name + "." + std::string(name_of(to)), group);
  }

  void add(NodeId n) {
    Node node = forward_.node(n);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) node.inputs[i] = operand(n, i, node.colocate);
    const std::vector<TensorId> originals = std::exchange(node.outputs, {});
    std::vector<std::string> names;
    std::vector<TensorType> types;
    for (const TensorId t : originals) {
      names.push_back(t == kNone<TensorId> ? "" : forward_.tensor(t).name);
      types.push_back(t == kNone<TensorId> ? TensorType{} : forward_.tensor(t).type);
      const bool is_cast = t != kNone<TensorId> && is_wanted_rounded_[t];
      if (is_cast && node.colocate.empty()) node.colocate = node.name;
    }
    const std::string group = node.colocate;
    const bool is_opaque = node.op->is_opaque;
    const NodeId added =
        is_opaque ? builder_.add_checked(std::move(node), names, types) : builder_.add_node(std::move(node), names);
    for (std::size_t i = 0; i < originals.size(); ++i) {
      const TensorId t = originals[i];
      if (t == kNone<TensorId>) continue;
      moved_[t] = builder_.peek().node(added).outputs[i];
      if (!is_wanted_rounded_[t]) continue;
      rounded_[t] = cast(moved_[t], DataType::kBfloat16, names[i] + ".bfloat16", group);
    }
  }

  void add_loss() {
    TensorId loss = moved_[forward_.loss()];
    if (builder_.type(loss).type != DataType::kFloat32) {
      const Tensor tensor = builder_.peek().tensor(loss);
      const std::string group = builder_.peek().node(tensor.producer).colocate;
      loss = cast(loss, DataType::kFloat32, tensor.name + ".float32", group);
    }
    builder_.set_loss(loss, forward_.loss_reduction());
  }

  const Graph& forward_;
  GraphBuilder builder_;
  IdVector<NodeId, bool> is_low_;
  IdVector<TensorId, bool> is_rounded_;         // bfloat16 in the new graph
  IdVector<TensorId, bool> is_wanted_rounded_;  // float32 there, and some node wants it rounded
  IdVector<TensorId, TensorId> moved_;          // its id there
  IdVector<TensorId, TensorId> rounded_;        // the Cast of it that all share
};

}  // namespace

Graph mixed_precision(const Graph& forward) { return Rewriter(forward).run(); }

bool is_inserted_cast(const Node& node) { return node.attributes.get_int(kInserted, 0) != 0; }

}  // namespace mp
