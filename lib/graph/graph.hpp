// The computation graph with every dimension bound and every type known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/graph/attributes.hpp"
#include "lib/graph/model.hpp"
#include "lib/graph/types.hpp"

namespace mp {

struct Operator;  // lib/operators/operator.hpp

enum class TensorKind : std::uint8_t {
  kInput,       // fed with data, one slice per microbatch
  kParameter,   // kept between steps: trained, or state
  kActivation,  // produced by a node
};

struct Tensor {
  std::string name;
  TensorType type;
  TensorKind kind = TensorKind::kActivation;
  NodeId producer = kNone<NodeId>;  // kActivation alone has one
  std::int32_t source = -1;         // kInput, kParameter: position in Graph::inputs() / parameters()
};

struct Node {
  std::string name;
  const Operator* op = nullptr;   // never null in a Graph
  std::string op_name;            // as the file says it; differs from op->name for opaque nodes alone
  std::vector<TensorId> inputs;   // kNone: absent optional input
  std::vector<TensorId> outputs;  // kNone: output nobody wants
  Attributes attributes;
  std::optional<MeasuredCost> cost;
  std::string colocate;
  std::optional<std::int64_t> device;
  bool backward = false;  // ModelNode::backward
};

struct GraphInput {
  TensorId tensor = kNone<TensorId>;
  std::string data;  // ModelInput::data
};

struct GraphParameter {
  TensorId tensor = kNone<TensorId>;
  Initializer initializer;
  bool trainable = true;
  bool weight_decay = true;
  std::optional<ParameterShard> shard{};  // ModelParameter::shard
};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
template <class Id>
using NameIndex = std::unordered_map<std::string, Id, NameHash, std::equal_to<>>;

// Read-only after GraphBuilder::build(). Guarantees: nodes stand in a topological order; names of nodes and of
// tensors are unique; every node's arity, attributes and types satisfy its operator; no tensor exceeds kMaxTensorBytes.
class Graph {
 public:
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const IdVector<NodeId, Node>& nodes() const { return nodes_; }
  [[nodiscard]] const IdVector<TensorId, Tensor>& tensors() const { return tensors_; }
  [[nodiscard]] const Node& node(NodeId id) const { return nodes_[id]; }
  [[nodiscard]] const Tensor& tensor(TensorId id) const { return tensors_[id]; }
  [[nodiscard]] const std::vector<GraphInput>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<GraphParameter>& parameters() const { return parameters_; }
  // Nodes that read the tensor, in topological order, each once.
  [[nodiscard]] std::span<const NodeId> consumers(TensorId id) const;
  [[nodiscard]] TensorId loss() const { return loss_; }  // kNone: planning only
  [[nodiscard]] LossReduction loss_reduction() const { return loss_reduction_; }
  [[nodiscard]] std::optional<NodeId> find_node(std::string_view name) const;  // O(1)
  [[nodiscard]] std::optional<TensorId> find_tensor(std::string_view name) const;

 private:
  friend class GraphBuilder;
  std::string name_;
  IdVector<NodeId, Node> nodes_;
  IdVector<TensorId, Tensor> tensors_;
  std::vector<GraphInput> inputs_;
  std::vector<GraphParameter> parameters_;
  NameIndex<NodeId> node_index_;
  NameIndex<TensorId> tensor_index_;
  std::vector<std::int64_t> consumer_offsets_;  // of tensor t: consumers_[offsets[t]] … consumers_[offsets[t + 1]]
  std::vector<NodeId> consumers_;
  TensorId loss_ = kNone<TensorId>;
  LossReduction loss_reduction_ = LossReduction::kMean;
};

}  // namespace mp
