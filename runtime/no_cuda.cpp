#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/devices.hpp"

namespace mp::runtime {

DeviceList cuda_devices() {
  return {.devices = {},
          .no_cuda =
              "this build is without CUDA; with the CUDA toolkit 12 or newer installed, "
              "cmake --preset cuda && cmake --build --preset cuda"};
}

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& /*options*/) {
  throw RunError(fmt::format("no CUDA device to train on: {}", cuda_devices().no_cuda));
}

}  // namespace mp::runtime
