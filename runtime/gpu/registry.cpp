#include "runtime/gpu/registry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {
namespace {

using Entry = std::pair<std::string_view, KernelFactory>;

constexpr Entry kKernels[] = {
    {"Abs", make_unary},
    {"AbsGrad", make_unary_gradient},
    {"AdamUpdate", make_adam_update},
    {"Add", make_add},
    {"Attention", make_attention},
    {"AttentionGrad", make_attention_grad},
    {"AveragePool", make_average_pool},
    {"AveragePoolGrad", make_average_pool_grad},
    {"BatchNormalization", make_batch_normalization},
    {"BatchNormalizationInputGrad", make_batch_normalization_input_grad},
    {"BatchNormalizationWeightGrad", make_batch_normalization_weight_grad},
    {"BinaryCrossEntropy", make_binary_cross_entropy},
    {"BinaryCrossEntropyGrad", make_binary_cross_entropy_grad},
    {"Cast", make_cast},
    {"Concat", make_concat},
    {"Constant", make_constant},
    {"Conv", make_conv},
    {"ConvTranspose", make_conv_transpose},
    {"ConvWeightGrad", make_conv_weight_grad},
    {"Div", make_div},
    {"Dropout", make_dropout},
    {"DropoutGrad", make_dropout},
    {"Elu", make_unary},
    {"EluGrad", make_unary_gradient},
    {"Erf", make_unary},
    {"ErfGrad", make_unary_gradient},
    {"Exp", make_unary},
    {"Expand", make_expand},
    {"Flatten", make_view},
    {"FusedMatMul", make_matmul},
    {"GRU", make_gru},
    {"GRUGrad", make_gru_grad},
    {"Gather", make_gather},
    {"GatherGrad", make_gather_grad},
    {"Gelu", make_unary},
    {"GeluGrad", make_unary_gradient},
    {"Gemm", make_gemm},
    {"GlobalAveragePool", make_global_average_pool},
    {"GlobalAveragePoolGrad", make_global_average_pool_grad},
    {"GradientL2", make_gradient_l2},
    {"GradientNorm", make_gradient_norm},
    {"GroupNormalization", make_group_normalization},
    {"GroupNormalizationInputGrad", make_group_normalization_input_grad},
    {"GroupNormalizationWeightGrad", make_group_normalization_weight_grad},
    {"Identity", make_view},
    {"InstanceNormalization", make_instance_normalization},
    {"LSTM", make_lstm},
    {"LSTMGrad", make_lstm_grad},
    {"LayerNormalization", make_layer_normalization},
    {"LayerNormalizationInputGrad", make_layer_normalization_input_grad},
    {"LayerNormalizationWeightGrad", make_layer_normalization_weight_grad},
    {"LeakyRelu", make_unary},
    {"LeakyReluGrad", make_unary_gradient},
    {"Log", make_unary},
    {"LogSoftmax", make_log_softmax},
    {"LogSoftmaxGrad", make_log_softmax_grad},
    {"MatMul", make_matmul},
    {"MatMulWeightGrad", make_matmul_weight_grad},
    {"MaxPool", make_max_pool},
    {"MaxPoolGrad", make_max_pool_grad},
    {"MeanAbsoluteError", make_mean_absolute_error},
    {"MeanAbsoluteErrorGrad", make_mean_absolute_error_grad},
    {"MeanSquaredError", make_mean_squared_error},
    {"MeanSquaredErrorGrad", make_mean_squared_error_grad},
    {"Mul", make_mul},
    {"Neg", make_unary},
    {"Pad", make_pad},
    {"PadGrad", make_pad_grad},
    {"Pow", make_pow},
    {"RMSNormalization", make_rms_normalization},
    {"RMSNormalizationInputGrad", make_rms_normalization_input_grad},
    {"RMSNormalizationWeightGrad", make_rms_normalization_weight_grad},
    {"ReduceMax", make_reduce_max},
    {"ReduceMaxGrad", make_reduce_max_grad},
    {"ReduceMean", make_reduce_mean},
    {"ReduceSum", make_reduce_sum},
    {"Relu", make_unary},
    {"ReluGrad", make_unary_gradient},
    {"Reshape", make_view},
    {"Resize", make_resize},
    {"ResizeGrad", make_resize_grad},
    {"RotaryEmbedding", make_rotary_embedding},
    {"RotaryEmbeddingGrad", make_rotary_embedding},
    {"SgdUpdate", make_sgd_update},
    {"Sigmoid", make_unary},
    {"SigmoidGrad", make_unary_gradient},
    {"Slice", make_slice},
    {"SliceGrad", make_slice_grad},
    {"Softmax", make_softmax},
    {"SoftmaxCrossEntropyLoss", make_softmax_cross_entropy_loss},
    {"SoftmaxCrossEntropyLossGrad", make_softmax_cross_entropy_loss_grad},
    {"SoftmaxGrad", make_softmax_grad},
    {"Split", make_split},
    {"Sqrt", make_unary},
    {"Squeeze", make_view},
    {"Sub", make_sub},
    {"Swish", make_unary},
    {"SwishGrad", make_unary_gradient},
    {"Tanh", make_unary},
    {"TanhGrad", make_unary_gradient},
    {"Transpose", make_transpose},
    {"Unsqueeze", make_view},
    {"Where", make_where},
};

}  // namespace

KernelFactory find_kernel(std::string_view op) {
  const auto* found =
      std::find_if(std::begin(kKernels), std::end(kKernels), [op](const Entry& e) { return e.first == op; });
  return found == std::end(kKernels) ? nullptr : found->second;
}

KernelPointer make_kernel(Device& device, const Graph& graph, NodeId node) {
  const Node& n = graph.node(node);
  const KernelFactory factory = find_kernel(n.op_name);
  if (factory == nullptr) {
    throw RunError(
        fmt::format("node '{}': the CUDA backend has no kernel for operator {}; use --backend cpu", n.name, n.op_name));
  }
  return factory({graph, n, device});
}

}  // namespace mp::runtime::gpu
