#include "lib/graph/builder.hpp"

#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/node_check.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

[[noreturn]] void fail(std::string place, std::string message) {
  throw InputError("<graph>", Issue{std::move(place), std::move(message)});
}

void throw_if_any(const std::string& node, std::vector<Issue> issues) {
  if (issues.empty()) return;
  for (Issue& issue : issues) issue.place = node + issue.place;
  throw InputError("<graph>", std::move(issues));
}

std::vector<const TensorType*> types_of(const IdVector<TensorId, Tensor>& tensors, const std::vector<TensorId>& which) {
  std::vector<const TensorType*> types;
  types.reserve(which.size());
  for (const TensorId id : which) {
    MP_CHECK(id == kNone<TensorId> || tensors.contains(id));
    types.push_back(id == kNone<TensorId> ? nullptr : &tensors[id].type);
  }
  return types;
}

}  // namespace

GraphBuilder::GraphBuilder(std::string name) { graph_.name_ = std::move(name); }

GraphBuilder::GraphBuilder(const Graph& graph) : graph_(graph) {}

TensorId GraphBuilder::add_tensor(std::string name, TensorType type, TensorKind kind) {
  if (name.empty()) fail("", "a tensor has no name");
  const auto id = make_id<TensorId>(graph_.tensors_.size());
  if (!graph_.tensor_index_.emplace(name, id).second) fail(name, "two tensors are named " + quoted(name));
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.type = std::move(type);
  tensor.kind = kind;
  return graph_.tensors_.push_back(std::move(tensor));
}

TensorId GraphBuilder::add_input(std::string name, TensorType type, std::string data) {
  const std::string problem = type_problem(type);
  if (!problem.empty()) fail(name, to_string(type) + " " + problem);
  const TensorId id = add_tensor(std::move(name), std::move(type), TensorKind::kInput);
  graph_.tensors_[id].source = static_cast<std::int32_t>(graph_.inputs_.size());
  graph_.inputs_.push_back({id, std::move(data)});
  return id;
}

TensorId GraphBuilder::add_parameter(std::string name, TensorType type, Initializer initializer, bool trainable,
                                     bool weight_decay, std::optional<ParameterShard> shard) {
  const std::string problem = type_problem(type);
  if (!problem.empty()) fail(name, to_string(type) + " " + problem);
  const TensorId id = add_tensor(std::move(name), std::move(type), TensorKind::kParameter);
  graph_.tensors_[id].source = static_cast<std::int32_t>(graph_.parameters_.size());
  graph_.parameters_.push_back({id, initializer, trainable, weight_decay, std::move(shard)});
  return id;
}

NodeId GraphBuilder::add_node(Node node, const std::vector<std::string>& outputs) {
  if (node.op == nullptr) node.op = operator_of(node.op_name, node.cost);
  if (node.op == nullptr) fail(node.name, unknown_operator(node.op_name));
  if (node.op_name.empty()) node.op_name = node.op->name;
  throw_if_any(node.name, check_form(node, outputs.size()));
  InferredTypes inferred = infer_types(node, types_of(graph_.tensors_, node.inputs), outputs.size());
  throw_if_any(node.name, std::move(inferred.issues));
  return append(std::move(node), outputs, inferred.types);
}

NodeId GraphBuilder::add_opaque(Node node, const std::vector<std::string>& outputs,
                                const std::vector<TensorType>& types) {
  MP_CHECK(node.cost.has_value());
  node.op = &opaque_operator();
  node.cost->output_bytes.clear();
  for (const TensorType& type : types) node.cost->output_bytes.push_back(bytes(type));
  throw_if_any(node.name, check_form(node, outputs.size()));
  return append(std::move(node), outputs, types);
}

NodeId GraphBuilder::append(Node node, const std::vector<std::string>& outputs, const std::vector<TensorType>& types) {
  if (node.name.empty()) fail("", "a node has no name");
  MP_CHECK(types.size() >= outputs.size());
  const auto id = make_id<NodeId>(graph_.nodes_.size());
  if (!graph_.node_index_.emplace(node.name, id).second) fail(node.name, "two nodes have this name");
  node.outputs.clear();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].empty()) {
      node.outputs.push_back(kNone<TensorId>);
      continue;
    }
    node.outputs.push_back(add_tensor(outputs[i], types[i], TensorKind::kActivation));
    graph_.tensors_[node.outputs.back()].producer = id;
  }
  return graph_.nodes_.push_back(std::move(node));
}

TensorId GraphBuilder::add(std::string_view op, std::string name, std::vector<TensorId> inputs, Attributes attributes) {
  Node node;
  node.name = name;
  node.op_name = op;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const NodeId id = add_node(std::move(node), {std::move(name)});
  return graph_.nodes_[id].outputs[0];
}

TensorId GraphBuilder::want_output(NodeId node, std::size_t position, std::string name) {
  Node& target = graph_.nodes_[node];
  const std::size_t count = std::max(target.outputs.size(), position + 1);
  MP_CHECK(position >= target.outputs.size() || target.outputs[position] == kNone<TensorId>);
  throw_if_any(target.name, check_form(target, count));
  InferredTypes inferred = infer_types(target, types_of(graph_.tensors_, target.inputs), count);
  throw_if_any(target.name, std::move(inferred.issues));
  const TensorId id = add_tensor(std::move(name), std::move(inferred.types[position]), TensorKind::kActivation);
  graph_.tensors_[id].producer = node;
  target.outputs.resize(count, kNone<TensorId>);
  target.outputs[position] = id;
  return id;
}

void GraphBuilder::set_loss(TensorId loss, LossReduction reduction) {
  const Tensor& tensor = graph_.tensors_[loss];
  if (tensor.type.type != DataType::kFloat32 || elements(tensor.type.shape) != 1) {
    fail(tensor.name, "the loss must be one float32 number, not " + to_string(tensor.type));
  }
  graph_.loss_ = loss;
  graph_.loss_reduction_ = reduction;
}

void GraphBuilder::set_cost(NodeId node, MeasuredCost cost) { graph_.nodes_[node].cost = std::move(cost); }

std::string GraphBuilder::fresh_name(std::string_view wanted) const {
  std::string name(wanted);
  for (int i = 2; graph_.find_node(name) || graph_.find_tensor(name); ++i) {
    name = std::string(wanted) + "." + std::to_string(i);
  }
  return name;
}

Graph GraphBuilder::build() && {
  // Counting sort of (tensor, reader); a node that reads a tensor twice counts once.
  std::vector<std::int64_t> offsets(graph_.tensors_.size() + 1, 0);
  const auto each_read = [&](auto&& visit) {
    IdVector<TensorId, NodeId> last_reader(graph_.tensors_.size(), kNone<NodeId>);
    for (const NodeId id : ids<NodeId>(graph_.nodes_.size())) {
      for (const TensorId input : graph_.nodes_[id].inputs) {
        if (input == kNone<TensorId> || last_reader[input] == id) continue;
        last_reader[input] = id;
        visit(id, index(input));
      }
    }
  };
  each_read([&](NodeId, std::size_t tensor) { ++offsets[tensor + 1]; });
  for (std::size_t t = 1; t < offsets.size(); ++t) offsets[t] += offsets[t - 1];
  graph_.consumers_.assign(static_cast<std::size_t>(offsets.back()), kNone<NodeId>);
  graph_.consumer_offsets_ = offsets;
  each_read(
      [&](NodeId id, std::size_t tensor) { graph_.consumers_[static_cast<std::size_t>(offsets[tensor]++)] = id; });
  return std::move(graph_);
}

}  // namespace mp
