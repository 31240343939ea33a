#include "runtime/cuda/architectures.hpp"

namespace mp::cuda {

int least_compute_capability() {
#ifdef __CUDA_ARCH_LIST__
  constexpr int kBuiltFor[] = {__CUDA_ARCH_LIST__};  // nvcc's: 900 for sm_90, in ascending order
  return kBuiltFor[0] / 10;
#else
  return 90;  // of the emulated GPU
#endif
}

}  // namespace mp::cuda
