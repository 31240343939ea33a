#include "lib/program/stored_rows.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr std::int64_t kRowElements = 8;                        // 16 bytes
constexpr std::int64_t kLeastElements = std::int64_t{1} << 14;  // below which no product is worth it

bool is_candidate(const TensorType& type) {
  return type.type == DataType::kBfloat16 && type.shape.size() == 2 && type.shape[1] % kRowElements != 0 &&
         elements(type.shape) >= kLeastElements;
}

bool is_scores_gradient(const Node& node) { return node.op->name == "SoftmaxCrossEntropyLossGrad"; }

// A product of two matrices, to which nothing is added.
bool is_product(const Node& node) {
  return node.op->name == "Gemm" && (node.inputs.size() < 3 || node.inputs[2] == kNone<TensorId>);
}

// Does the node take such rows as every operand that the tensor is?
bool takes_rows(const Node& node, TensorId tensor) {
  if (is_product(node)) return true;
  const std::size_t scores = is_scores_gradient(node) ? 1 : 0;
  if (node.op->name != "SoftmaxCrossEntropyLoss" && scores == 0) return false;
  return node.inputs[scores] == tensor && std::count(node.inputs.begin(), node.inputs.end(), tensor) == 1;
}

bool has_padded_rows(const Graph& graph, TensorId t) {
  const Tensor& tensor = graph.tensor(t);
  if (tensor.kind != TensorKind::kActivation || !is_candidate(tensor.type)) return false;
  const Node& producer = graph.node(tensor.producer);
  if (!is_product(producer) && !is_scores_gradient(producer)) return false;
  const std::span<const NodeId> readers = graph.consumers(t);
  const bool all_take_it =
      std::all_of(readers.begin(), readers.end(), [&](NodeId n) { return takes_rows(graph.node(n), t); });
  const bool is_trained = is_scores_gradient(producer) || std::any_of(readers.begin(), readers.end(), [&](NodeId n) {
                            return is_scores_gradient(graph.node(n));
                          });
  return all_take_it && is_trained;
}

}  // namespace

std::int64_t stored_row(const Graph& graph, TensorId tensor) {
  const Shape& shape = graph.tensor(tensor).type.shape;
  const std::int64_t row = shape.empty() ? 1 : shape.back();
  return has_padded_rows(graph, tensor) ? (row + kRowElements - 1) / kRowElements * kRowElements : row;
}

std::int64_t stored_bytes(const Graph& graph, TensorId tensor) {
  const TensorType& type = graph.tensor(tensor).type;
  if (!has_padded_rows(graph, tensor)) return bytes(type);
  return type.shape[0] * stored_row(graph, tensor) * size_of(type.type);
}

}  // namespace mp
