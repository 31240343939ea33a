// The factory of every kernel, by file. The table that gives them names is registry.cpp.
#pragma once

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

// attention.cpp
KernelPointer make_attention(const KernelCall& call);
KernelPointer make_attention_grad(const KernelCall& call);
// elementwise.cpp
KernelPointer make_unary(const KernelCall& call);
KernelPointer make_unary_gradient(const KernelCall& call);
KernelPointer make_add(const KernelCall& call);
KernelPointer make_sub(const KernelCall& call);
KernelPointer make_mul(const KernelCall& call);
KernelPointer make_div(const KernelCall& call);
KernelPointer make_pow(const KernelCall& call);
KernelPointer make_where(const KernelCall& call);
KernelPointer make_cast(const KernelCall& call);
// gradient_norm.cpp
KernelPointer make_gradient_l2(const KernelCall& call);
KernelPointer make_gradient_norm(const KernelCall& call);
// gru.cpp
KernelPointer make_gru(const KernelCall& call);
KernelPointer make_gru_grad(const KernelCall& call);
// losses.cpp
KernelPointer make_mean_squared_error(const KernelCall& call);
KernelPointer make_mean_squared_error_grad(const KernelCall& call);
KernelPointer make_mean_absolute_error(const KernelCall& call);
KernelPointer make_mean_absolute_error_grad(const KernelCall& call);
KernelPointer make_binary_cross_entropy(const KernelCall& call);
KernelPointer make_binary_cross_entropy_grad(const KernelCall& call);
// lstm.cpp
KernelPointer make_lstm(const KernelCall& call);
KernelPointer make_lstm_grad(const KernelCall& call);
// matrix.cpp
KernelPointer make_gemm(const KernelCall& call);
KernelPointer make_matmul(const KernelCall& call);
KernelPointer make_matmul_weight_grad(const KernelCall& call);
// movement.cpp
KernelPointer make_view(const KernelCall& call);
KernelPointer make_transpose(const KernelCall& call);
KernelPointer make_expand(const KernelCall& call);
KernelPointer make_slice(const KernelCall& call);
KernelPointer make_slice_grad(const KernelCall& call);
KernelPointer make_pad(const KernelCall& call);
KernelPointer make_pad_grad(const KernelCall& call);
KernelPointer make_concat(const KernelCall& call);
KernelPointer make_split(const KernelCall& call);
KernelPointer make_constant(const KernelCall& call);
// normalization.cpp
KernelPointer make_layer_normalization(const KernelCall& call);
KernelPointer make_layer_normalization_input_grad(const KernelCall& call);
KernelPointer make_layer_normalization_weight_grad(const KernelCall& call);
KernelPointer make_rms_normalization(const KernelCall& call);
KernelPointer make_rms_normalization_input_grad(const KernelCall& call);
KernelPointer make_rms_normalization_weight_grad(const KernelCall& call);
KernelPointer make_group_normalization(const KernelCall& call);
KernelPointer make_instance_normalization(const KernelCall& call);
KernelPointer make_group_normalization_input_grad(const KernelCall& call);
KernelPointer make_group_normalization_weight_grad(const KernelCall& call);
KernelPointer make_batch_normalization(const KernelCall& call);
KernelPointer make_batch_normalization_weight_grad(const KernelCall& call);
KernelPointer make_batch_normalization_input_grad(const KernelCall& call);
// optimizers.cpp
KernelPointer make_sgd_update(const KernelCall& call);
KernelPointer make_adam_update(const KernelCall& call);
// reduction.cpp
KernelPointer make_reduce_sum(const KernelCall& call);
KernelPointer make_reduce_mean(const KernelCall& call);
KernelPointer make_reduce_max(const KernelCall& call);
KernelPointer make_reduce_max_grad(const KernelCall& call);
// sequence.cpp
KernelPointer make_gather(const KernelCall& call);
KernelPointer make_gather_grad(const KernelCall& call);
KernelPointer make_rotary_embedding(const KernelCall& call);
KernelPointer make_dropout(const KernelCall& call);
// softmax.cpp
KernelPointer make_softmax(const KernelCall& call);
KernelPointer make_log_softmax(const KernelCall& call);
KernelPointer make_softmax_grad(const KernelCall& call);
KernelPointer make_log_softmax_grad(const KernelCall& call);
KernelPointer make_softmax_cross_entropy_loss(const KernelCall& call);
KernelPointer make_softmax_cross_entropy_loss_grad(const KernelCall& call);
// windows.cpp
KernelPointer make_conv(const KernelCall& call);
KernelPointer make_conv_transpose(const KernelCall& call);
KernelPointer make_conv_weight_grad(const KernelCall& call);
KernelPointer make_max_pool(const KernelCall& call);
KernelPointer make_max_pool_grad(const KernelCall& call);
KernelPointer make_average_pool(const KernelCall& call);
KernelPointer make_average_pool_grad(const KernelCall& call);
KernelPointer make_global_average_pool(const KernelCall& call);
KernelPointer make_global_average_pool_grad(const KernelCall& call);
KernelPointer make_resize(const KernelCall& call);
KernelPointer make_resize_grad(const KernelCall& call);

}  // namespace mp::runtime::gpu
