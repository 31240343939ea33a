// Device code of what generating and scoring do besides.
#include "runtime/cuda/launch.cuh"
#include "runtime/gpu/kernels/arg_max.hpp"
#include "runtime/gpu/kernels/cached_attention.hpp"

namespace mp::runtime::gpu {

MP_LAUNCH_ROW(ArgMaxRow);
MP_LAUNCH_ITEM(CacheAppendItem);
MP_LAUNCH_ROW(CachedAttentionRow);
MP_LAUNCH_ITEM(CachedAttentionMergeItem);

}  // namespace mp::runtime::gpu
