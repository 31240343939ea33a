// The kernels that every backend has, once for all: each backend declares the same factories in its own namespace and
// makes its table of them (runtime/cpu/registry.cpp, runtime/gpu/registry.cpp).
#pragma once

// X(factory): every factory, once.
#define MP_KERNEL_FACTORIES(X)            \
  X(make_adam_update)                     \
  X(make_add)                             \
  X(make_arg_max)                         \
  X(make_attention)                       \
  X(make_attention_grad)                  \
  X(make_average_pool)                    \
  X(make_average_pool_grad)               \
  X(make_batch_normalization)             \
  X(make_batch_normalization_input_grad)  \
  X(make_batch_normalization_weight_grad) \
  X(make_binary_cross_entropy)            \
  X(make_binary_cross_entropy_grad)       \
  X(make_cast)                            \
  X(make_concat)                          \
  X(make_constant)                        \
  X(make_conv)                            \
  X(make_conv_transpose)                  \
  X(make_conv_weight_grad)                \
  X(make_div)                             \
  X(make_dropout)                         \
  X(make_expand)                          \
  X(make_gather)                          \
  X(make_gather_grad)                     \
  X(make_gemm)                            \
  X(make_global_average_pool)             \
  X(make_global_average_pool_grad)        \
  X(make_gradient_l2)                     \
  X(make_gradient_norm)                   \
  X(make_group_normalization)             \
  X(make_group_normalization_input_grad)  \
  X(make_group_normalization_weight_grad) \
  X(make_group_query_attention)           \
  X(make_gru)                             \
  X(make_gru_grad)                        \
  X(make_instance_normalization)          \
  X(make_layer_normalization)             \
  X(make_layer_normalization_input_grad)  \
  X(make_layer_normalization_weight_grad) \
  X(make_log_softmax)                     \
  X(make_log_softmax_grad)                \
  X(make_lstm)                            \
  X(make_lstm_grad)                       \
  X(make_matmul)                          \
  X(make_matmul_weight_grad)              \
  X(make_max_pool)                        \
  X(make_max_pool_grad)                   \
  X(make_mean_absolute_error)             \
  X(make_mean_absolute_error_grad)        \
  X(make_mean_squared_error)              \
  X(make_mean_squared_error_grad)         \
  X(make_mul)                             \
  X(make_pad)                             \
  X(make_pad_grad)                        \
  X(make_pow)                             \
  X(make_reduce_max)                      \
  X(make_reduce_max_grad)                 \
  X(make_reduce_mean)                     \
  X(make_reduce_sum)                      \
  X(make_resize)                          \
  X(make_resize_grad)                     \
  X(make_rms_normalization)               \
  X(make_rms_normalization_input_grad)    \
  X(make_rms_normalization_weight_grad)   \
  X(make_rotary_embedding)                \
  X(make_sgd_update)                      \
  X(make_slice)                           \
  X(make_slice_grad)                      \
  X(make_softmax)                         \
  X(make_softmax_cross_entropy_loss)      \
  X(make_softmax_cross_entropy_loss_grad) \
  X(make_softmax_grad)                    \
  X(make_split)                           \
  X(make_sub)                             \
  X(make_transpose)                       \
  X(make_unary)                           \
  X(make_unary_gradient)                  \
  X(make_view)                            \
  X(make_where)

// X(operator, factory): every operator, in the order of the letters.
#define MP_KERNELS(X)                                                     \
  X("Abs", make_unary)                                                    \
  X("AbsGrad", make_unary_gradient)                                       \
  X("AdamUpdate", make_adam_update)                                       \
  X("Add", make_add)                                                      \
  X("ArgMax", make_arg_max)                                               \
  X("Attention", make_attention)                                          \
  X("AttentionGrad", make_attention_grad)                                 \
  X("AveragePool", make_average_pool)                                     \
  X("AveragePoolGrad", make_average_pool_grad)                            \
  X("BatchNormalization", make_batch_normalization)                       \
  X("BatchNormalizationInputGrad", make_batch_normalization_input_grad)   \
  X("BatchNormalizationWeightGrad", make_batch_normalization_weight_grad) \
  X("BinaryCrossEntropy", make_binary_cross_entropy)                      \
  X("BinaryCrossEntropyGrad", make_binary_cross_entropy_grad)             \
  X("Cast", make_cast)                                                    \
  X("Concat", make_concat)                                                \
  X("Constant", make_constant)                                            \
  X("Conv", make_conv)                                                    \
  X("ConvTranspose", make_conv_transpose)                                 \
  X("ConvWeightGrad", make_conv_weight_grad)                              \
  X("Div", make_div)                                                      \
  X("Dropout", make_dropout)                                              \
  X("DropoutGrad", make_dropout)                                          \
  X("Elu", make_unary)                                                    \
  X("EluGrad", make_unary_gradient)                                       \
  X("Erf", make_unary)                                                    \
  X("ErfGrad", make_unary_gradient)                                       \
  X("Exp", make_unary)                                                    \
  X("Expand", make_expand)                                                \
  X("Flatten", make_view)                                                 \
  X("FusedMatMul", make_matmul)                                           \
  X("GRU", make_gru)                                                      \
  X("GRUGrad", make_gru_grad)                                             \
  X("Gather", make_gather)                                                \
  X("GatherGrad", make_gather_grad)                                       \
  X("Gelu", make_unary)                                                   \
  X("GeluGrad", make_unary_gradient)                                      \
  X("Gemm", make_gemm)                                                    \
  X("GlobalAveragePool", make_global_average_pool)                        \
  X("GlobalAveragePoolGrad", make_global_average_pool_grad)               \
  X("GradientL2", make_gradient_l2)                                       \
  X("GradientNorm", make_gradient_norm)                                   \
  X("GroupNormalization", make_group_normalization)                       \
  X("GroupNormalizationInputGrad", make_group_normalization_input_grad)   \
  X("GroupNormalizationWeightGrad", make_group_normalization_weight_grad) \
  X("GroupQueryAttention", make_group_query_attention)                    \
  X("Identity", make_view)                                                \
  X("InstanceNormalization", make_instance_normalization)                 \
  X("LSTM", make_lstm)                                                    \
  X("LSTMGrad", make_lstm_grad)                                           \
  X("LayerNormalization", make_layer_normalization)                       \
  X("LayerNormalizationInputGrad", make_layer_normalization_input_grad)   \
  X("LayerNormalizationWeightGrad", make_layer_normalization_weight_grad) \
  X("LeakyRelu", make_unary)                                              \
  X("LeakyReluGrad", make_unary_gradient)                                 \
  X("Log", make_unary)                                                    \
  X("LogSoftmax", make_log_softmax)                                       \
  X("LogSoftmaxGrad", make_log_softmax_grad)                              \
  X("MatMul", make_matmul)                                                \
  X("MatMulWeightGrad", make_matmul_weight_grad)                          \
  X("MaxPool", make_max_pool)                                             \
  X("MaxPoolGrad", make_max_pool_grad)                                    \
  X("MeanAbsoluteError", make_mean_absolute_error)                        \
  X("MeanAbsoluteErrorGrad", make_mean_absolute_error_grad)               \
  X("MeanSquaredError", make_mean_squared_error)                          \
  X("MeanSquaredErrorGrad", make_mean_squared_error_grad)                 \
  X("Mul", make_mul)                                                      \
  X("Neg", make_unary)                                                    \
  X("Pad", make_pad)                                                      \
  X("PadGrad", make_pad_grad)                                             \
  X("Pow", make_pow)                                                      \
  X("RMSNormalization", make_rms_normalization)                           \
  X("RMSNormalizationInputGrad", make_rms_normalization_input_grad)       \
  X("RMSNormalizationWeightGrad", make_rms_normalization_weight_grad)     \
  X("ReduceMax", make_reduce_max)                                         \
  X("ReduceMaxGrad", make_reduce_max_grad)                                \
  X("ReduceMean", make_reduce_mean)                                       \
  X("ReduceSum", make_reduce_sum)                                         \
  X("Relu", make_unary)                                                   \
  X("ReluGrad", make_unary_gradient)                                      \
  X("Reshape", make_view)                                                 \
  X("Resize", make_resize)                                                \
  X("ResizeGrad", make_resize_grad)                                       \
  X("RotaryEmbedding", make_rotary_embedding)                             \
  X("RotaryEmbeddingGrad", make_rotary_embedding)                         \
  X("SgdUpdate", make_sgd_update)                                         \
  X("Sigmoid", make_unary)                                                \
  X("SigmoidGrad", make_unary_gradient)                                   \
  X("Slice", make_slice)                                                  \
  X("SliceGrad", make_slice_grad)                                         \
  X("Softmax", make_softmax)                                              \
  X("SoftmaxCrossEntropyLoss", make_softmax_cross_entropy_loss)           \
  X("SoftmaxCrossEntropyLossGrad", make_softmax_cross_entropy_loss_grad)  \
  X("SoftmaxGrad", make_softmax_grad)                                     \
  X("Split", make_split)                                                  \
  X("Sqrt", make_unary)                                                   \
  X("Squeeze", make_view)                                                 \
  X("Sub", make_sub)                                                      \
  X("Swish", make_unary)                                                  \
  X("SwishGrad", make_unary_gradient)                                     \
  X("Tanh", make_unary)                                                   \
  X("TanhGrad", make_unary_gradient)                                      \
  X("Transpose", make_transpose)                                          \
  X("Unsqueeze", make_view)                                               \
  X("Where", make_where)
