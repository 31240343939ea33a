#include "runtime/cuda/devices.hpp"

namespace mp::runtime {

DeviceList cuda_devices() {
  return {.devices = {},
          .no_cuda =
              "this build is without CUDA; with the CUDA toolkit 12 or newer installed, "
              "cmake --preset cuda && cmake --build --preset cuda"};
}

}  // namespace mp::runtime
