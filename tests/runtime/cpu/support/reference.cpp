#include "tests/runtime/cpu/support/reference.hpp"

#include <stdexcept>

namespace mp::runtime::testing {
namespace {

Reference find_reference(std::string_view op) {
  for (const auto family :
       {elementwise_reference, matrix_reference, normalization_reference, movement_reference, window_reference,
        sequence_reference, recurrent_reference, resize_reference, loss_reference}) {
    if (const Reference found = family(op)) return found;
  }
  throw std::logic_error("no reference for " + std::string(op));
}

}  // namespace

Index index_of(std::int64_t element, const Shape& shape) {
  Index index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    index[i] = element % shape[i];
    element /= shape[i];
  }
  return index;
}

std::int64_t element_of(const Index& index, const Shape& shape) {
  std::int64_t element = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) element = element * shape[i] + index[i];
  return element;
}

std::int64_t broadcast_element(const Index& index, const Shape& shape) {
  Index own(shape.size());
  const std::size_t missing = index.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) own[i] = shape[i] == 1 ? 0 : index[missing + i];
  return element_of(own, shape);
}

void evaluate(const Graph& graph, IdVector<TensorId, Array>& values) {
  for (const Node& node : graph.nodes()) {
    std::vector<const Array*> inputs;
    for (const TensorId t : node.inputs) inputs.push_back(t == kNone<TensorId> ? nullptr : &values[t]);
    std::vector<Array> outputs;
    for (const TensorId t : node.outputs)
      outputs.push_back(t == kNone<TensorId> ? Array() : Array(graph.tensor(t).type.shape));
    find_reference(node.op_name)({node, inputs, outputs});
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] != kNone<TensorId>) values[node.outputs[i]] = std::move(outputs[i]);
    }
  }
}

}  // namespace mp::runtime::testing
