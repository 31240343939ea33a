#include "runtime/cuda/devices.hpp"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "lib/base/error.hpp"
#include "runtime/cuda/check.hpp"

namespace mp::runtime {
namespace {

// Why the driver counts no device, and the remedy.
std::string reason(cudaError_t error) {
  if (error == cudaErrorNoDevice) return "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES may hide it)";
  if (error != cudaErrorInsufficientDriver) {
    return fmt::format("CUDA does not start: {} ({})", cudaGetErrorString(error), cudaGetErrorName(error));
  }
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
  return fmt::format("the NVIDIA driver is for CUDA {}.{} at most, this build needs {}.{}: update the driver",
                     driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
}

DeviceInfo describe(int device) {
  cudaDeviceProp properties{};
  MP_CUDA(cudaGetDeviceProperties(&properties, device));
  return {
      .name = fmt::format("cuda:{}", device),
      .description = fmt::format("{}, compute capability {}.{}", properties.name, properties.major, properties.minor),
      .memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem)};
}

}  // namespace

DeviceList cuda_devices() {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return {.devices = {}, .no_cuda = reason(error)};
  }
  DeviceList list;
  try {
    for (int device = 0; device < count; ++device) list.devices.push_back(describe(device));
  } catch (const RunError& error) {
    return {.devices = {}, .no_cuda = error.what()};
  }
  return list;
}

}  // namespace mp::runtime
