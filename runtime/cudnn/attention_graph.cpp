#include "runtime/cudnn/attention_graph.hpp"

#include <utility>

namespace mp::runtime {
namespace {

std::array<std::int64_t, 4> packed(const std::array<std::int64_t, 4>& extents) {
  return {extents[1] * extents[2] * extents[3], extents[2] * extents[3], extents[3], 1};
}

}  // namespace

AttentionGraph::AttentionGraph(cudnnHandle_t handle, const gpu::AttentionProblem& problem)
    : p_(problem), graph_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
  if (p_.is_backward) {
    build_backward();
  } else {
    build_forward();
  }
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const CudnnDescriptor& operation : operations_) operations.push_back(operation.get());
  graph_.set_many(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations.size(), operations.data());
  if (handle != nullptr) graph_.set_many(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  graph_.finalize();
}

void AttentionGraph::build_forward() {
  const Tensor q = rows(AttentionTensor::kQ, p_.query_heads, p_.queries, p_.depth);
  const Tensor k = transposed_rows(AttentionTensor::kK, p_.key_heads, p_.keys, p_.depth);
  const Tensor v = rows(AttentionTensor::kV, p_.key_heads, p_.keys, p_.value_depth);
  const Tensor scores = masked(scaled_scores(q, k));
  const Tensor top = between(statistics_extents());
  reduce(CUDNN_REDUCE_TENSOR_MAX, scores, top);
  const Tensor below = between(scores_extents());
  pointwise(CUDNN_POINTWISE_SUB, scores, top, below);
  const Tensor power = between(scores_extents());
  pointwise(CUDNN_POINTWISE_EXP, below, power);
  const Tensor total = between(statistics_extents());
  reduce(CUDNN_REDUCE_TENSOR_ADD, power, total);
  const Tensor log_total = between(statistics_extents());
  pointwise(CUDNN_POINTWISE_LOG, total, log_total);
  pointwise(CUDNN_POINTWISE_ADD, top, log_total, statistics(AttentionTensor::kStatistics));
  const Tensor weights = between(scores_extents(), CUDNN_DATA_BFLOAT16);
  pointwise(CUDNN_POINTWISE_DIV, power, total, weights);
  matmul(weights, v, rows(AttentionTensor::kY, p_.query_heads, p_.queries, p_.value_depth));
}

void AttentionGraph::build_backward() {
  const Tensor q = rows(AttentionTensor::kQ, p_.query_heads, p_.queries, p_.depth);
  const Tensor k = transposed_rows(AttentionTensor::kK, p_.key_heads, p_.keys, p_.depth);
  const Tensor v = transposed_rows(AttentionTensor::kV, p_.key_heads, p_.keys, p_.value_depth);
  const Tensor y = rows(AttentionTensor::kY, p_.query_heads, p_.queries, p_.value_depth);
  const Tensor dy = rows(AttentionTensor::kDy, p_.query_heads, p_.queries, p_.value_depth);
  const Tensor dot = output_dot(dy, y);

  const Tensor scale = number(AttentionTensor::kScale);
  const Tensor products = between(scores_extents());
  matmul(q, k, products);
  const Tensor scores = between(scores_extents());
  pointwise(CUDNN_POINTWISE_MUL, products, scale, scores);
  const Tensor logs = between(scores_extents());
  pointwise(CUDNN_POINTWISE_SUB, scores, statistics(AttentionTensor::kStatistics), logs);
  const Tensor weights = between(scores_extents());
  pointwise(CUDNN_POINTWISE_EXP, masked(logs), weights);
  gradient_of_keys(weights, dy, rows(AttentionTensor::kDv, p_.key_heads, p_.keys, p_.value_depth), p_.value_depth);

  const Tensor of_weights = between(scores_extents());
  matmul(dy, v, of_weights);
  const Tensor centred = between(scores_extents());
  pointwise(CUDNN_POINTWISE_SUB, of_weights, dot, centred);
  const Tensor weighted = between(scores_extents());
  pointwise(CUDNN_POINTWISE_MUL, centred, weights, weighted);
  const Tensor of_scores = between(scores_extents());
  pointwise(CUDNN_POINTWISE_MUL, weighted, scale, of_scores);
  gradient_of_keys(of_scores, q, rows(AttentionTensor::kDk, p_.key_heads, p_.keys, p_.depth), p_.depth);

  gradient_of_queries(of_scores, k);
}

AttentionGraph::Tensor AttentionGraph::scaled_scores(Tensor q, Tensor k) {
  const Tensor products = between(scores_extents());
  matmul(q, k, products);
  const Tensor scores = between(scores_extents());
  pointwise(CUDNN_POINTWISE_MUL, products, number(AttentionTensor::kScale), scores);
  return scores;
}

AttentionGraph::Tensor AttentionGraph::masked(Tensor scores) {
  if (!p_.is_causal) return scores;
  const Tensor row = between(scores_extents(), CUDNN_DATA_INT32);
  index(2, scores, row);
  const Tensor column = between(scores_extents(), CUDNN_DATA_INT32);
  index(3, scores, column);
  const Tensor is_seen = between(scores_extents(), CUDNN_DATA_BOOLEAN);
  pointwise(CUDNN_POINTWISE_CMP_GE, row, column, is_seen, CUDNN_DATA_BOOLEAN);
  const Tensor result = between(scores_extents());
  select(scores, number(AttentionTensor::kBelowAll), is_seen, result);
  return result;
}

AttentionGraph::Tensor AttentionGraph::output_dot(Tensor dy, Tensor y) {
  const std::int64_t row = p_.query_heads * p_.value_depth;
  const Tensor product = between({p_.batch, p_.query_heads, p_.queries, p_.value_depth},
                                 {p_.queries * row, p_.queries * p_.value_depth, row, 1}, CUDNN_DATA_FLOAT);
  pointwise(CUDNN_POINTWISE_MUL, dy, y, product);
  const Tensor sum = between(statistics_extents());
  reduce(CUDNN_REDUCE_TENSOR_ADD, product, sum);
  const Tensor dot = statistics(AttentionTensor::kDot);
  pointwise(CUDNN_POINTWISE_MUL, sum, number(AttentionTensor::kOne), dot);
  return dot;
}

void AttentionGraph::gradient_of_queries(Tensor of_scores, Tensor k) {
  const std::int64_t key_row = p_.key_heads * p_.depth;
  const Tensor key_rows =
      between({p_.batch, p_.key_heads, p_.keys, p_.depth}, {p_.keys * key_row, p_.depth, key_row, 1}, CUDNN_DATA_FLOAT);
  reshape(k, key_rows);
  const Tensor dq = rows(AttentionTensor::kDq, p_.query_heads, p_.queries, p_.depth);
  if (p_.is_deterministic) return matmul(of_scores, key_rows, dq);
  const Extents extents{p_.batch, p_.query_heads, p_.queries, p_.depth};
  const Tensor dq_sum =
      tensor(static_cast<std::int64_t>(AttentionTensor::kDqSum), extents, packed(extents), CUDNN_DATA_FLOAT, false);
  matmul(of_scores, key_rows, dq_sum);
  pointwise(CUDNN_POINTWISE_IDENTITY, dq_sum, dq);
}

void AttentionGraph::gradient_of_keys(Tensor weights, Tensor of_queries, Tensor result, std::int64_t depth) {
  const Tensor transposed =
      between({p_.batch, p_.query_heads, p_.keys, p_.queries},
              {p_.query_heads * p_.queries * p_.keys, p_.queries * p_.keys, 1, p_.keys}, CUDNN_DATA_BFLOAT16);
  reshape(weights, transposed);
  if (p_.query_heads == p_.key_heads) return matmul(transposed, of_queries, result);
  const Tensor of_all = between({p_.batch, p_.query_heads, p_.keys, depth}, CUDNN_DATA_BFLOAT16);
  matmul(transposed, of_queries, of_all);
  reduce(CUDNN_REDUCE_TENSOR_ADD, of_all, result);
}

AttentionGraph::Extents AttentionGraph::scores_extents() const {
  return {p_.batch, p_.query_heads, p_.queries, p_.keys};
}
AttentionGraph::Extents AttentionGraph::statistics_extents() const { return {p_.batch, p_.query_heads, p_.queries, 1}; }

AttentionGraph::Tensor AttentionGraph::tensor(std::int64_t id, const Extents& extents, const Extents& strides,
                                              cudnnDataType_t type, bool is_virtual, bool is_number) {
  CudnnDescriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set_many(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, extents);
  t.set(CUDNN_ATTR_TENSOR_STRIDES, strides);
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
  t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
  t.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, is_number);
  t.finalize();
  descriptors_.push_back(std::move(t));
  return {descriptors_.size() - 1};
}

AttentionGraph::Tensor AttentionGraph::rows(AttentionTensor id, std::int64_t heads, std::int64_t rows,
                                            std::int64_t depth) {
  return tensor(static_cast<std::int64_t>(id), {p_.batch, heads, rows, depth},
                {rows * heads * depth, depth, heads * depth, 1}, CUDNN_DATA_BFLOAT16, false);
}
AttentionGraph::Tensor AttentionGraph::transposed_rows(AttentionTensor id, std::int64_t heads, std::int64_t rows,
                                                       std::int64_t depth) {
  return tensor(static_cast<std::int64_t>(id), {p_.batch, heads, depth, rows},
                {rows * heads * depth, depth, 1, heads * depth}, CUDNN_DATA_BFLOAT16, false);
}
AttentionGraph::Tensor AttentionGraph::statistics(AttentionTensor id) {
  return tensor(static_cast<std::int64_t>(id), statistics_extents(), packed(statistics_extents()), CUDNN_DATA_FLOAT,
                false);
}
AttentionGraph::Tensor AttentionGraph::number(AttentionTensor id) {
  return tensor(static_cast<std::int64_t>(id), {1, 1, 1, 1}, {1, 1, 1, 1}, CUDNN_DATA_FLOAT, false, true);
}
AttentionGraph::Tensor AttentionGraph::between(const Extents& extents, cudnnDataType_t type) {
  return between(extents, packed(extents), type);
}
AttentionGraph::Tensor AttentionGraph::between(const Extents& extents, const Extents& strides, cudnnDataType_t type) {
  return tensor(next_id_++, extents, strides, type, true);
}

void AttentionGraph::matmul(Tensor a, Tensor b, Tensor c) {
  CudnnDescriptor what(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  what.set_many(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  what.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, descriptors_[a.place]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, descriptors_[b.place]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, descriptors_[c.place]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, what);
  descriptors_.push_back(std::move(what));
  add(std::move(operation));
}

CudnnDescriptor AttentionGraph::pointwise_operation(cudnnPointwiseMode_t mode, cudnnDataType_t compute_type,
                                                    std::int64_t axis) {
  CudnnDescriptor what(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  what.set_many(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  what.set_many(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute_type);
  if (axis >= 0) what.set(CUDNN_ATTR_POINTWISE_AXIS, axis);
  what.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
  descriptors_.push_back(std::move(what));
  return operation;
}

void AttentionGraph::pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor y) {
  CudnnDescriptor operation = pointwise_operation(mode, CUDNN_DATA_FLOAT, -1);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, descriptors_[y.place]);
  add(std::move(operation));
}

void AttentionGraph::pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor y, cudnnDataType_t compute_type) {
  CudnnDescriptor operation = pointwise_operation(mode, compute_type, -1);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, descriptors_[b.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, descriptors_[y.place]);
  add(std::move(operation));
}

void AttentionGraph::select(Tensor x, Tensor otherwise, Tensor condition, Tensor y) {
  CudnnDescriptor operation = pointwise_operation(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, -1);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, descriptors_[otherwise.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, descriptors_[condition.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, descriptors_[y.place]);
  add(std::move(operation));
}

void AttentionGraph::index(std::int64_t axis, Tensor x, Tensor y) {
  CudnnDescriptor operation = pointwise_operation(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, axis);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, descriptors_[y.place]);
  add(std::move(operation));
}

void AttentionGraph::reduce(cudnnReduceTensorOp_t mode, Tensor x, Tensor y) {
  CudnnDescriptor what(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  what.set_many(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  what.set_many(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &mode);
  what.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, descriptors_[y.place]);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, what);
  descriptors_.push_back(std::move(what));
  add(std::move(operation));
}

void AttentionGraph::reshape(Tensor x, Tensor y) {
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, descriptors_[x.place]);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, descriptors_[y.place]);
  add(std::move(operation));
}

void AttentionGraph::add(CudnnDescriptor operation) {
  operation.finalize();
  operations_.push_back(std::move(operation));
}

}  // namespace mp::runtime
