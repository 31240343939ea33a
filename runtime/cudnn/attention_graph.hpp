// Attention as a graph of cuDNN's operations, in the form that its fused ("flash") engines know: FlashAttention-2 (Dao,
// 2023) forward and backward. The operations and their order are those that cuDNN's documentation names for "Fused
// Flash Attention"; nothing between the inputs and the outputs lies in memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cudnn/descriptor.hpp"
#include "runtime/gpu/values.hpp"

namespace mp::runtime {

// The tensors that a run gives addresses for, by their numbers in the graph.
enum class AttentionTensor : std::int64_t {
  kQ = 1,
  kK,
  kV,
  kY,
  kStatistics,  // log-sum-exp of the scaled scores
  kDy,
  kDq,
  kDk,
  kDv,
  kDot,    // scratch of the gradient: Σ dY·Y of each query, float32
  kDqSum,  // scratch of the gradient that adds in any order: dQ in float32
  kScale,  // these three are numbers in host memory
  kOne,
  kBelowAll,
};

// Owns the descriptors of a graph, which are those of its operations.
class AttentionGraph {
 public:
  // Throws RunError where cuDNN takes no such graph. `handle` may be null: a graph for a device that is not there.
  AttentionGraph(cudnnHandle_t handle, const gpu::AttentionProblem& problem);
  [[nodiscard]] const CudnnDescriptor& get() const { return graph_; }

 private:
  using Extents = std::array<std::int64_t, 4>;
  struct Tensor {
    std::size_t place;  // in descriptors_
  };

  void build_forward();
  void build_backward();
  // scores[batch, heads, queries, keys] = scale · Q·Kᵀ; masked where causal.
  [[nodiscard]] Tensor scaled_scores(Tensor q, Tensor k);
  [[nodiscard]] Tensor masked(Tensor scores);
  // Σ dY·Y of each query.
  [[nodiscard]] Tensor output_dot(Tensor dy, Tensor y);
  void gradient_of_queries(Tensor of_scores, Tensor k);
  // The gradient of all query heads, and its sum over those that share a key head.
  void gradient_of_keys(Tensor weights, Tensor of_queries, Tensor result, std::int64_t depth);

  [[nodiscard]] Tensor tensor(std::int64_t id, const Extents& extents, const Extents& strides, cudnnDataType_t type,
                              bool is_virtual, bool is_number = false);
  // bfloat16 [batch, heads, rows, depth] that lies as [batch, rows, heads, depth].
  [[nodiscard]] Tensor rows(AttentionTensor id, std::int64_t heads, std::int64_t rows, std::int64_t depth);
  [[nodiscard]] Tensor transposed_rows(AttentionTensor id, std::int64_t heads, std::int64_t rows, std::int64_t depth);
  [[nodiscard]] Tensor statistics(AttentionTensor id);
  [[nodiscard]] Tensor number(AttentionTensor id);
  // Between operations, never in memory.
  [[nodiscard]] Tensor between(const Extents& extents, cudnnDataType_t type = CUDNN_DATA_FLOAT);
  [[nodiscard]] Tensor between(const Extents& extents, const Extents& strides, cudnnDataType_t type);
  [[nodiscard]] Extents scores_extents() const;
  [[nodiscard]] Extents statistics_extents() const;

  void matmul(Tensor a, Tensor b, Tensor c);
  void pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor y);
  void pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor y,
                 cudnnDataType_t compute_type = CUDNN_DATA_FLOAT);
  void select(Tensor x, Tensor otherwise, Tensor condition, Tensor y);
  void index(std::int64_t axis, Tensor x, Tensor y);
  void reduce(cudnnReduceTensorOp_t mode, Tensor x, Tensor y);
  void reshape(Tensor x, Tensor y);

  [[nodiscard]] CudnnDescriptor pointwise_operation(cudnnPointwiseMode_t mode, cudnnDataType_t compute_type,
                                                    std::int64_t axis);
  void add(CudnnDescriptor operation);

  gpu::AttentionProblem p_;
  std::int64_t next_id_ = 100;
  std::vector<CudnnDescriptor> descriptors_;  // of tensors and of what operations do
  std::vector<CudnnDescriptor> operations_;
  CudnnDescriptor graph_;
};

}  // namespace mp::runtime
