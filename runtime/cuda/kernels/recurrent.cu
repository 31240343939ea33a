// Device code of recurrent networks.
#include "runtime/cuda/launch.cuh"
#include "runtime/gpu/kernels/recurrent.hpp"

namespace mp::runtime::gpu {

MP_LAUNCH_ITEM(CopyRowsItem);
MP_LAUNCH_ITEM(SwapAxesItem);
MP_LAUNCH_ITEM(AddBiasRowsItem);
MP_LAUNCH_ITEM(HiddenBeforeItem);
MP_LAUNCH_ITEM(LstmItem);
MP_LAUNCH_ITEM(LstmGradientItem);
MP_LAUNCH_ITEM(GruGatesItem);
MP_LAUNCH_ITEM(GruBlendItem);
MP_LAUNCH_ITEM(GruGradientItem);
MP_LAUNCH_ITEM(GruEarlyResetItem);

}  // namespace mp::runtime::gpu
