// Device code of sums, softmax, losses, normalizations.
#include "runtime/cuda/launch.cuh"
#include "runtime/gpu/kernels/gradient_norm.hpp"
#include "runtime/gpu/kernels/losses.hpp"
#include "runtime/gpu/kernels/normalization.hpp"
#include "runtime/gpu/kernels/normalization_gradient.hpp"
#include "runtime/gpu/kernels/reduction.hpp"
#include "runtime/gpu/kernels/softmax.hpp"

namespace mp::runtime::gpu {

MP_LAUNCH_ROW(SumRow);
MP_LAUNCH_ITEM(SumSliceItem);
MP_LAUNCH_ITEM(SumFoldItem);
MP_LAUNCH_ROW(SumFoldRow);
MP_LAUNCH_ROW(LargestRow);
MP_LAUNCH_ROW(SoftmaxRow);
MP_LAUNCH_ROW(SoftmaxGradientRow);
MP_LAUNCH_ROW(CrossEntropyRow);
MP_LAUNCH_ROW(CrossEntropyFold);
MP_LAUNCH_ROW(CrossEntropyGradientRow);
MP_LAUNCH_ROW(CrossEntropyWithGradientRow);
MP_LAUNCH_ITEM(StoreItem);
MP_LAUNCH_ROW(NormRow);
MP_LAUNCH_ROW(ClipRow);
MP_LAUNCH_ROW(LossPartRow);
MP_LAUNCH_ITEM(LossGradientItem);
MP_LAUNCH_ROW(NormalizeRow);
MP_LAUNCH_ROW(NormalizeInputGradientRow);
MP_LAUNCH_ROW(NormalizeGradientSlice);
MP_LAUNCH_ROW(FoldWeightGradientsRow);
MP_LAUNCH_ITEM(NormalizeWeightSliceItem);
MP_LAUNCH_ROW(GroupNormalizeRow);
MP_LAUNCH_ROW(GroupInputGradientRow);
MP_LAUNCH_ROW(ChannelWeightGradientRow);
MP_LAUNCH_ROW(BatchNormalizeRow);
MP_LAUNCH_ITEM(BatchInputGradientItem);

}  // namespace mp::runtime::gpu
