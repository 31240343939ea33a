// Device code of convolutions without cuDNN, pools, resizing.
#include "runtime/cuda/launch.cuh"
#include "runtime/gpu/kernels/windows.hpp"

namespace mp::runtime::gpu {

MP_LAUNCH_ITEM(ConvolutionForwardItem);
MP_LAUNCH_ITEM(ConvolutionSourceItem);
MP_LAUNCH_ROW(ConvolutionWeightRow);
MP_LAUNCH_ITEM(MaxPoolItem);
MP_LAUNCH_ITEM(MaxPoolGradientItem);
MP_LAUNCH_ITEM(AveragePoolItem);
MP_LAUNCH_ITEM(AveragePoolGradientItem);
MP_LAUNCH_ITEM(SpreadItem);
MP_LAUNCH_ITEM(ResizeItem);
MP_LAUNCH_ITEM(ResizeGradientItem);

}  // namespace mp::runtime::gpu
