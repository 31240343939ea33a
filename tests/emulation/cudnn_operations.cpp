// When tensors, operations and graphs are taken.
#include <algorithm>
#include <optional>
#include <set>

#include "tests/emulation/cudnn_descriptor.hpp"

namespace mp::emulation {
namespace {

using Kind = GraphOperation::Kind;

cudnnStatus_t bad(const char* why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

std::int64_t size_in_memory(cudnnDataType_t type) {
  if (type == CUDNN_DATA_BOOLEAN) return 1;
  return type == CUDNN_DATA_BFLOAT16 ? 2 : 4;
}

GraphTensor tensor_at(const Descriptor& operation, cudnnBackendAttributeName_t name) {
  return tensor_of(*operation.child(name));
}

bool is_tensor(const std::shared_ptr<const Descriptor>& d) {
  return d != nullptr && d->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR;
}

cudnnStatus_t check_matmul(const Descriptor& d) {
  const GraphTensor a = tensor_at(d, CUDNN_ATTR_OPERATION_MATMUL_ADESC);
  const GraphTensor b = tensor_at(d, CUDNN_ATTR_OPERATION_MATMUL_BDESC);
  const GraphTensor c = tensor_at(d, CUDNN_ATTR_OPERATION_MATMUL_CDESC);
  if (a.extents[3] != b.extents[2] || a.extents[2] != c.extents[2] || b.extents[3] != c.extents[3]) {
    return bad("the matrices do not fit each other");
  }
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    const auto [few, many] = std::minmax(a.extents[axis], b.extents[axis]);
    if (many % few != 0 || c.extents[axis] != many) return bad("the batches do not fit each other");
  }
  return CUDNN_STATUS_SUCCESS;
}

// How many tensors a mode reads; 0: not emulated.
std::int64_t inputs_of(cudnnPointwiseMode_t mode) {
  switch (mode) {
    case CUDNN_POINTWISE_EXP:
    case CUDNN_POINTWISE_LOG:
    case CUDNN_POINTWISE_IDENTITY:
    case CUDNN_POINTWISE_GEN_INDEX:
      return 1;
    case CUDNN_POINTWISE_ADD:
    case CUDNN_POINTWISE_SUB:
    case CUDNN_POINTWISE_MUL:
    case CUDNN_POINTWISE_DIV:
    case CUDNN_POINTWISE_CMP_GE:
      return 2;
    case CUDNN_POINTWISE_BINARY_SELECT:
      return 3;
    default:
      return 0;
  }
}

cudnnStatus_t check_pointwise(const Descriptor& d) {
  const Descriptor& what = *d.child(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  const auto mode = what.get<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  const std::int64_t wanted = inputs_of(mode);
  if (wanted == 0) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: a pointwise mode");
  const bool has_b = d.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  const bool has_t = d.has(CUDNN_ATTR_OPERATION_POINTWISE_TDESC);
  if (has_b != (wanted >= 2) || has_t != (wanted == 3)) return bad("too few or too many operands");
  const auto axis = what.get<std::int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1);
  if ((mode == CUDNN_POINTWISE_GEN_INDEX) != (axis >= 0 && axis < 4)) return bad("an axis is for an index");
  const GraphTensor y = tensor_at(d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
  for (const auto name : {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                          CUDNN_ATTR_OPERATION_POINTWISE_TDESC}) {
    if (!d.has(name)) continue;
    const GraphTensor x = tensor_at(d, name);
    for (std::size_t i = 0; i < 4; ++i) {
      if (x.extents[i] != y.extents[i] && x.extents[i] != 1) return bad("an operand has other extents");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_reduction(const Descriptor& d) {
  const Descriptor& what = *d.child(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
  const auto mode = what.get<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR);
  if (mode != CUDNN_REDUCE_TENSOR_ADD && mode != CUDNN_REDUCE_TENSOR_MAX) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: a reduction");
  }
  const GraphTensor x = tensor_at(d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC);
  const GraphTensor y = tensor_at(d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
  for (std::size_t i = 0; i < 4; ++i) {
    if (x.extents[i] % y.extents[i] != 0) return bad("the result has other extents");
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_reshape(const Descriptor& d) {
  const GraphTensor x = tensor_at(d, CUDNN_ATTR_OPERATION_RESHAPE_XDESC);
  const GraphTensor y = tensor_at(d, CUDNN_ATTR_OPERATION_RESHAPE_YDESC);
  return x.span() == y.span() ? CUDNN_STATUS_SUCCESS : bad("another number of elements");
}

struct Names {
  Kind kind;
  std::vector<cudnnBackendAttributeName_t> inputs;
  cudnnBackendAttributeName_t output;
};

Names names_of(cudnnBackendDescriptorType_t type) {
  if (type == CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR) {
    return {Kind::kMatmul,
            {CUDNN_ATTR_OPERATION_MATMUL_ADESC, CUDNN_ATTR_OPERATION_MATMUL_BDESC},
            CUDNN_ATTR_OPERATION_MATMUL_CDESC};
  }
  if (type == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR) {
    return {Kind::kReduction, {CUDNN_ATTR_OPERATION_REDUCTION_XDESC}, CUDNN_ATTR_OPERATION_REDUCTION_YDESC};
  }
  if (type == CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR) {
    return {Kind::kReshape, {CUDNN_ATTR_OPERATION_RESHAPE_XDESC}, CUDNN_ATTR_OPERATION_RESHAPE_YDESC};
  }
  return {Kind::kPointwise,
          {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
           CUDNN_ATTR_OPERATION_POINTWISE_TDESC},
          CUDNN_ATTR_OPERATION_POINTWISE_YDESC};
}

// False: the same id stands for two different tensors.
bool add_tensor(OperationGraph& graph, const GraphTensor& tensor) {
  const auto [place, is_new] = graph.tensors.try_emplace(tensor.id, tensor);
  return is_new || place->second == tensor;
}

bool add_operation(OperationGraph& graph, const Descriptor& d) {
  const Names names = names_of(d.type);
  GraphOperation operation{.kind = names.kind, .inputs = {}};
  for (const auto name : names.inputs) {
    if (!d.has(name)) continue;
    const GraphTensor tensor = tensor_at(d, name);
    if (!add_tensor(graph, tensor)) return false;
    operation.inputs.push_back(tensor.id);
  }
  const GraphTensor output = tensor_at(d, names.output);
  operation.output = output.id;
  if (const auto what = d.child(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)) {
    operation.mode = what->get<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
    operation.axis = what->get<std::int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1);
  }
  if (const auto what = d.child(CUDNN_ATTR_OPERATION_REDUCTION_DESC)) {
    operation.mode = what->get<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR);
  }
  graph.operations.push_back(std::move(operation));
  return add_tensor(graph, output);
}

// Every tensor is made once, and those that are never in memory before they are read.
cudnnStatus_t check_order(const OperationGraph& graph) {
  std::set<std::int64_t> made;
  for (const GraphOperation& operation : graph.operations) {
    for (const std::int64_t id : operation.inputs) {
      if (!made.contains(id) && (graph.tensors.at(id).is_virtual || !graph.is_input(id))) {
        return bad("a tensor is read before it is made");
      }
    }
    if (!made.insert(operation.output).second) return bad("a tensor is made twice");
    if (graph.output_of(operation).is_number) return bad("a number is written");
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

GraphTensor tensor_of(const Descriptor& d) {
  GraphTensor tensor{.id = d.get<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
                     .type = d.get<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE),
                     .alignment = d.get<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
                     .is_virtual = d.get<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL),
                     .is_number = d.get<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE)};
  for (std::size_t i = 0; i < 4; ++i) {
    tensor.extents[i] = d.get<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS, 0, i);
    tensor.strides[i] = d.get<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES, 0, i);
  }
  return tensor;
}

cudnnStatus_t finalize_tensor(const Descriptor& d) {
  if (d.count(CUDNN_ATTR_TENSOR_DIMENSIONS) != d.count(CUDNN_ATTR_TENSOR_STRIDES)) return bad("strides are missing");
  if (d.count(CUDNN_ATTR_TENSOR_DIMENSIONS) != 4) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: a rank");
  const GraphTensor t = tensor_of(d);
  std::int64_t elements = 1;
  for (std::size_t i = 0; i < 4; ++i) {
    if (t.extents[i] < 1 || t.strides[i] < 0) return bad("an extent or a stride is too small");
    elements *= t.extents[i];
  }
  if (t.alignment <= 0 || t.alignment % size_in_memory(t.type) != 0) return bad("no alignment for the type");
  if (t.is_number && (elements > 1 || t.is_virtual)) return bad("a number by value is one in memory");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_operation(const Descriptor& d) {
  const Names names = names_of(d.type);
  for (const auto name : names.inputs) {
    if (d.has(name) && !is_tensor(d.child(name))) return bad("an operand is no tensor");
  }
  if (!is_tensor(d.child(names.output))) return bad("the result is no tensor");
  switch (names.kind) {
    case Kind::kMatmul:
      return check_matmul(d);
    case Kind::kPointwise:
      return check_pointwise(d);
    case Kind::kReduction:
      return check_reduction(d);
    case Kind::kReshape:
      return check_reshape(d);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_graph(Descriptor& d) {
  auto graph = std::make_shared<OperationGraph>();
  graph->handle = d.get<cudnnHandle_t>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
  for (const auto& operation : d.attributes.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).descriptors) {
    if (!add_operation(*graph, *operation)) return bad("two tensors have the same number");
  }
  const cudnnStatus_t status = check_order(*graph);
  if (status == CUDNN_STATUS_SUCCESS) d.graph = std::move(graph);
  return status;
}

}  // namespace mp::emulation
