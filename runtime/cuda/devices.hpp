// The CUDA devices. Answered by runtime/cuda/ in builds with CUDA and by runtime/no_cuda.cpp in others: the choice is
// made when linking, and callers need not know.
#pragma once

#include "runtime/devices.hpp"

namespace mp::runtime {

// The NVIDIA GPUs of this machine, or none and the reason. Never throws.
[[nodiscard]] DeviceList cuda_devices();

}  // namespace mp::runtime
