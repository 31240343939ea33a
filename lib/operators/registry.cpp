#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

class Registry {
 public:
  Registry() {
    using Family = std::vector<Operator> (*)();
    // A new operator's family is listed here.
    static constexpr Family kFamilies[] = {gemm_operators,
                                           matmul_operators,
                                           convolution_operators,
                                           pooling_operators,
                                           batch_normalization_operators,
                                           layer_normalization_operators,
                                           rms_normalization_operators,
                                           group_normalization_operators,
                                           softmax_operators,
                                           attention_operators,
                                           group_query_attention_operators,
                                           rotary_embedding_operators,
                                           recurrent_operators,
                                           resize_operators,
                                           gather_operators,
                                           activation_operators,
                                           dropout_operators,
                                           arithmetic_operators,
                                           selection_operators,
                                           view_operators,
                                           slice_operators,
                                           movement_operators,
                                           reduction_operators,
                                           arg_max_operators,
                                           cross_entropy_operators,
                                           loss_operators,
                                           update_operators};
    for (const Family family : kFamilies) {
      for (Operator& op : family()) operators_.push_back(std::move(op));
    }
    std::sort(operators_.begin(), operators_.end(),
              [](const Operator& a, const Operator& b) { return a.name < b.name; });
    for (const Operator& op : operators_) {
      MP_CHECK(by_name_.emplace(op.name, &op).second);
      all_.push_back(&op);
    }
  }
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  [[nodiscard]] const Operator* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[nodiscard]] std::span<const Operator* const> all() const { return all_; }

 private:
  std::vector<Operator> operators_;
  std::vector<const Operator*> all_;
  std::unordered_map<std::string_view, const Operator*> by_name_;
};

const Registry& registry() {
  static const Registry instance;
  return instance;
}

Operator make_opaque() {
  Operator op;
  op.name = "Opaque";
  op.inputs = {0, kAnyNumber};
  op.outputs = {0, kAnyNumber};
  op.is_opaque = true;
  return op;
}

}  // namespace

const Operator* find_operator(std::string_view name) { return registry().find(name); }

std::span<const Operator* const> all_operators() { return registry().all(); }

const Operator& opaque_operator() {
  static const Operator instance = make_opaque();
  return instance;
}

OperatorCost cost_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::vector<const TensorType*> inputs;
  std::vector<TensorType> outputs;
  OperatorCost cost;
  for (const TensorId input : node.inputs) {
    inputs.push_back(input == kNone<TensorId> ? nullptr : &graph.tensor(input).type);
    if (input != kNone<TensorId>) cost.bytes_read += static_cast<double>(bytes(*inputs.back()));
  }
  if (node.op->is_view) return {};
  for (const TensorId output : node.outputs) {
    if (output == kNone<TensorId>) continue;
    cost.bytes_written += static_cast<double>(bytes(graph.tensor(output).type));
  }
  if (node.op->is_opaque || node.op->flops == nullptr) return cost;
  const OperatorCall call{.inputs = inputs, .attributes = node.attributes, .outputs = node.outputs.size()};
  const std::vector<TensorType> types = node.op->infer(call);
  cost.flops = node.op->flops(call, types);
  return cost;
}

}  // namespace mp
