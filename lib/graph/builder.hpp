// The one way to make a Graph: from a Model file, from code (generators, tests), by differentiation.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {

// Nodes are added in topological order: an input must exist before the node that reads it. Output types come from
// the operator. Throws InputError (source "<graph>", place = the node's name) for a wrong arity, attribute or type.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);
  // Starts from all of `graph`, to append to it; ids are kept.
  explicit GraphBuilder(const Graph& graph);

  TensorId add_input(std::string name, TensorType type, std::string data = "");
  TensorId add_parameter(std::string name, TensorType type, Initializer initializer, bool trainable = true,
                         bool weight_decay = true, std::optional<ParameterShard> shard = {});
  // `node.outputs` is ignored; `outputs` names them ("" = not wanted); node.op may be null when op_name says it.
  // Returns the node.
  NodeId add_node(Node node, const std::vector<std::string>& outputs);
  // A node known by its measured costs alone (node.cost) whose outputs have these types.
  NodeId add_opaque(Node node, const std::vector<std::string>& outputs, const std::vector<TensorType>& types);
  // A node of another graph, which has checked it, with the types it had there.
  NodeId add_checked(Node node, const std::vector<std::string>& outputs, const std::vector<TensorType>& types) {
    return append(std::move(node), outputs, types);
  }
  // One-output shorthand: returns the output tensor, named like the node.
  TensorId add(std::string_view op, std::string name, std::vector<TensorId> inputs, Attributes attributes = {});
  // Gives an existing node its optional output `position` (differentiation wants a normalisation's mean, say).
  TensorId want_output(NodeId node, std::size_t position, std::string name);
  void set_loss(TensorId loss, LossReduction reduction);
  void set_cost(NodeId node, MeasuredCost cost);  // measured, instead of the model of costs

  [[nodiscard]] const TensorType& type(TensorId id) const { return graph_.tensors_[id].type; }
  // The graph so far; its consumers() is not valid yet. References into it end with the next addition.
  [[nodiscard]] const Graph& peek() const { return graph_; }
  // A name no tensor or node has so far: `wanted`, or `wanted`.2, .3 …
  [[nodiscard]] std::string fresh_name(std::string_view wanted) const;

  [[nodiscard]] Graph build() &&;

 private:
  friend class ModelBinder;
  TensorId add_tensor(std::string name, TensorType type, TensorKind kind);
  // A node checked already.
  NodeId append(Node node, const std::vector<std::string>& outputs, const std::vector<TensorType>& types);

  Graph graph_;
};

// Binds every dimension (file defaults overridden by `bindings`), infers all types, orders the nodes topologically
// (stable: file order where free). `source` names the file in errors; places are JSON pointers into it. All issues
// found are reported together. Throws InputError.
[[nodiscard]] Graph bind_model(const Model& model, const Bindings& bindings, std::string_view source);

}  // namespace mp
