// The operators, family by family: each function is defined in the file named after the family.
#pragma once

#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {

[[nodiscard]] std::vector<Operator> gemm_operators();
[[nodiscard]] std::vector<Operator> matmul_operators();
[[nodiscard]] std::vector<Operator> convolution_operators();
[[nodiscard]] std::vector<Operator> pooling_operators();
[[nodiscard]] std::vector<Operator> batch_normalization_operators();
[[nodiscard]] std::vector<Operator> layer_normalization_operators();
[[nodiscard]] std::vector<Operator> rms_normalization_operators();
[[nodiscard]] std::vector<Operator> group_normalization_operators();
[[nodiscard]] std::vector<Operator> softmax_operators();
[[nodiscard]] std::vector<Operator> attention_operators();
[[nodiscard]] std::vector<Operator> group_query_attention_operators();
[[nodiscard]] std::vector<Operator> rotary_embedding_operators();
[[nodiscard]] std::vector<Operator> recurrent_operators();
[[nodiscard]] std::vector<Operator> resize_operators();
[[nodiscard]] std::vector<Operator> gather_operators();
[[nodiscard]] std::vector<Operator> activation_operators();
[[nodiscard]] std::vector<Operator> dropout_operators();
[[nodiscard]] std::vector<Operator> arithmetic_operators();
[[nodiscard]] std::vector<Operator> selection_operators();
[[nodiscard]] std::vector<Operator> view_operators();
[[nodiscard]] std::vector<Operator> slice_operators();
[[nodiscard]] std::vector<Operator> movement_operators();
[[nodiscard]] std::vector<Operator> reduction_operators();
[[nodiscard]] std::vector<Operator> arg_max_operators();
[[nodiscard]] std::vector<Operator> cross_entropy_operators();
[[nodiscard]] std::vector<Operator> loss_operators();
[[nodiscard]] std::vector<Operator> update_operators();

}  // namespace mp
