#include "lib/graph/carry_parts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "lib/graph/node_parts.hpp"
#include "lib/graph/part_walk.hpp"

namespace mp {
namespace {

std::int64_t axis_of(const Node& node, const Shape& shape) {
  const std::int64_t axis = node.attributes.get_int("axis", 0);
  return axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis;
}

// Made by a Concat of just these parts.
bool is_put_together(const Graph& graph, const PartsOfTensor& wanted) {
  const Tensor& tensor = graph.tensor(wanted.tensor);
  if (tensor.kind != TensorKind::kActivation) return false;
  const Node& node = graph.node(tensor.producer);
  if (node.op_name != "Concat" || axis_of(node, tensor.type.shape) != wanted.axis) return false;
  Extents sizes;
  for (const TensorId part : node.inputs) {
    sizes.push_back(graph.tensor(part).type.shape[static_cast<std::size_t>(wanted.axis)]);
  }
  return sizes == wanted.sizes;
}

// A product that could make these parts by columns, for nobody else.
bool is_made_by_columns(const Graph& graph, const PartsOfTensor& wanted) {
  const Tensor& tensor = graph.tensor(wanted.tensor);
  if (tensor.kind != TensorKind::kActivation || graph.consumers(wanted.tensor).size() != 1) return false;
  const Node& node = graph.node(tensor.producer);
  const bool is_product = node.op_name == "Gemm" || node.op_name == "MatMul";
  const auto last = static_cast<std::int64_t>(tensor.type.shape.size()) - 1;
  return is_product && !node.cost && wanted.axis == last && graph.loss() != wanted.tensor &&
         wanted.sizes == part_sizes(tensor.type.shape.back(), static_cast<std::int64_t>(wanted.sizes.size()));
}

class Carrier {
 public:
  Carrier(const Model& model, const Graph& graph) : model_(model), graph_(graph) {}

  void carry(NodeId split) {
    const Node& node = graph_.node(split);
    const TensorId whole = node.inputs[0];
    const Shape& shape = graph_.tensor(whole).type.shape;
    const PartsOfTensor wanted{whole, axis_of(node, shape),
                               part_sizes(shape[static_cast<std::size_t>(axis_of(node, shape))],
                                          static_cast<std::int64_t>(node.outputs.size()))};
    const auto found = walk_back(graph_, wanted, [&](const PartsOfTensor& t) { return is_put_together(graph_, t); });
    if (!found || found->ends.empty()) return;
    for (const PartsOfTensor& end : found->ends) take_from_concat(end);
    for (const PartsOfTensor& parameter : found->parameters) share_out(parameter);
    for (const auto& [id, parted] : found->between)
      names_[graph_.node(id).outputs[0]] = part_names(graph_.node(id).name);
    for (const auto& [id, parted] : found->between) replace(parted);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      renamed_[graph_.tensor(node.outputs[i]).name] = names_.at(whole)[i];
    }
    instead_[node.name];  // nothing
  }

  Model result() {
    Model result = model_;
    result.nodes.clear();
    for (const ModelNode& node : model_.nodes) {
      const auto found = instead_.find(node.name);
      if (found == instead_.end()) {
        result.nodes.push_back(node);
      } else {
        result.nodes.insert(result.nodes.end(), found->second.begin(), found->second.end());
      }
    }
    for (ModelNode& node : result.nodes) {
      for (std::string& input : node.inputs) {
        if (const auto found = renamed_.find(input); found != renamed_.end()) input = found->second;
      }
    }
    drop_idle_concats(result);
    return result;
  }

 private:
  using Names = std::vector<std::string>;

  void take_from_concat(const PartsOfTensor& end) {
    const Node& concat = graph_.node(graph_.tensor(end.tensor).producer);
    Names& names = names_[end.tensor];
    names.clear();
    for (const TensorId part : concat.inputs) names.push_back(graph_.tensor(part).name);
    parts_ = names.size();
    concats_.insert(concat.name);
  }

  [[nodiscard]] Names part_names(const std::string& name) const {
    Names names;
    for (std::size_t i = 0; i < parts_; ++i) names.push_back(fmt::format("{}.part{}", name, i + 1));
    return names;
  }

  // A Split in front of the parameter's only reader.
  void share_out(const PartsOfTensor& parameter) {
    const Node& reader = graph_.node(graph_.consumers(parameter.tensor).front());
    ModelNode split;
    split.name = graph_.tensor(parameter.tensor).name + ".parts";
    split.op = "Split";
    split.inputs = {graph_.tensor(parameter.tensor).name};
    split.outputs = part_names(graph_.tensor(parameter.tensor).name);
    split.attributes = {{"axis", parameter.axis}, {"split", parameter.sizes}};
    split.colocate = reader.colocate;
    names_[parameter.tensor] = split.outputs;
    instead_[reader.name].push_back(std::move(split));
  }

  void replace(const PartedNode& parted) {
    const Node& node = graph_.node(parted.node);
    std::vector<ModelNode>& instead = instead_[node.name];
    for (std::size_t i = 0; i < parts_; ++i) {
      ModelNode& part = instead.emplace_back();
      part.name = names_.at(node.outputs[0])[i];
      part.op = node.op_name;
      part.outputs = {part.name};
      part.attributes = parted.attributes[i];
      part.colocate = node.colocate;
      for (const PartsOfTensor& operand : parted.operands) {
        if (operand.tensor == kNone<TensorId>) {
          part.inputs.emplace_back();
        } else {
          part.inputs.push_back(operand.sizes.empty() ? graph_.tensor(operand.tensor).name
                                                      : names_.at(operand.tensor)[i]);
        }
      }
    }
  }

  // Those whose result nobody reads any more.
  void drop_idle_concats(Model& model) const {
    std::set<std::string, std::less<>> read{model.loss};
    for (const ModelNode& node : model.nodes) read.insert(node.inputs.begin(), node.inputs.end());
    std::erase_if(model.nodes, [&](const ModelNode& node) {
      return concats_.contains(node.name) && !read.contains(node.outputs[0]);
    });
  }

  const Model& model_;
  const Graph& graph_;
  std::size_t parts_ = 0;                                  // of the Split at hand
  std::map<TensorId, Names> names_;                        // of the parts of a tensor
  std::map<std::string, std::vector<ModelNode>> instead_;  // by the node whose place they take
  std::map<std::string, std::string> renamed_;             // what the Splits made
  std::set<std::string> concats_;
};

}  // namespace

Model carry_parts(const Model& model, const Graph& graph, std::span<const NodeSplit> splits) {
  Carrier carrier(model, graph);
  for (const NodeSplit& split : splits) {
    const auto inputs = graph.find_node(split.node + ".inputs");
    if (inputs && graph.node(*inputs).op_name == "Split") carrier.carry(*inputs);
  }
  return carrier.result();
}

std::vector<NodeId> sources_to_split(const Graph& graph, NodeId product, std::int64_t parts) {
  const Node& node = graph.node(product);
  const Shape& shape = graph.tensor(node.inputs[0]).type.shape;
  const bool is_transposed = node.op_name == "Gemm" && node.attributes.get_int("transA", 0) != 0;
  const std::int64_t axis = static_cast<std::int64_t>(shape.size()) - (is_transposed ? 2 : 1);
  const std::int64_t extent = shape[static_cast<std::size_t>(axis)];
  if (extent < parts) return {};
  const auto found = walk_back(graph, {node.inputs[0], axis, part_sizes(extent, parts)},
                               [&](const PartsOfTensor& t) { return is_made_by_columns(graph, t); });
  std::vector<NodeId> sources;
  if (!found) return sources;
  for (const PartsOfTensor& end : found->ends) sources.push_back(graph.tensor(end.tensor).producer);
  std::sort(sources.begin(), sources.end());
  return sources;
}

}  // namespace mp
