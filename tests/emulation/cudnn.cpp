// cuDNN's handle, versions and errors.
#include "tests/emulation/cudnn.hpp"

#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "tests/emulation/library.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/memory.hpp"
#include "tests/emulation/state.hpp"
#include "tests/emulation/stream.hpp"

namespace mp::emulation {
namespace {

thread_local std::string last_reason;

}  // namespace

cudnnStatus_t refuse(cudnnStatus_t status, std::string why) {
  last_reason = std::move(why);
  return status;
}

cudnnStatus_t check_memory(const cudnnContext& handle, const void* address, std::size_t size, std::size_t alignment,
                           const std::string& what) {
  if (address == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, what + " is null");
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0) {
    return refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, what + " is not aligned");
  }
  try {
    const std::shared_ptr<Block> block = block_of(address, size);
    if (block && block->device == handle.device) return CUDNN_STATUS_SUCCESS;
  } catch (const std::out_of_range&) {
    return refuse(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND, what + " goes beyond its memory");
  }
  return refuse(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND, what + " is no memory of the handle's device");
}

cudnnStatus_t check_workspace(const cudnnContext& handle, const void* workspace, std::size_t given,
                              std::size_t needed) {
  if (given < needed) return refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, "the workspace is too small");
  return needed == 0 ? CUDNN_STATUS_SUCCESS : check_memory(handle, workspace, given, 16, "the workspace");
}

cudnnStatus_t put_in_cudnn(const cudnnContext& handle, void* workspace, std::size_t workspace_size,
                           std::function<void()> work) {
  if (put_in_library(handle.device, handle.stream, workspace, workspace_size, std::move(work))) {
    return CUDNN_STATUS_SUCCESS;
  }
  return refuse(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "the stream cannot take the work");
}

float any_order() {
  static std::atomic<std::uint32_t> calls{0};
  const std::uint32_t mixed = calls.fetch_add(1, std::memory_order_relaxed) * 2654435761U;  // no period of a few steps
  return 1.0F + 0x1p-9F * static_cast<float>(mixed >> 30U);
}

}  // namespace mp::emulation

using namespace mp::emulation;

std::size_t cudnnGetVersion() { return static_cast<std::size_t>(machine().cudnn_version); }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (CUDNN_STATUS_CATEGORY(static_cast<int>(status))) {
    case 0:
      return "CUDNN_STATUS_SUCCESS";
    case 1000:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case 2000:
      return "CUDNN_STATUS_BAD_PARAM";
    case 3000:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    default:
      return "CUDNN_STATUS_EXECUTION_FAILED";
  }
}

void cudnnGetLastErrorString(char* message, std::size_t size) {
  if (message == nullptr || size == 0) return;
  std::snprintf(message, size, "%s", std::exchange(last_reason, {}).c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the handle");
  if (obstacle() != cudaSuccess) return refuse(CUDNN_STATUS_NOT_INITIALIZED, "there is no device");
  if (unsafe_in_capture() != cudaSuccess) return refuse(CUDNN_STATUS_NOT_INITIALIZED, "a stream is captured");
  *handle = new cudnnContext{.device = current_device()};
  count_things(1);
  return CUDNN_STATUS_SUCCESS;
}

// "The release of those resources by calling cudnnDestroy() will implicitly call cudaDeviceSynchronize()."
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no handle");
  require_own_device(handle->device);
  static_cast<void>(unsafe_in_capture());
  finish_device(handle->device);
  delete handle;
  count_things(-1);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no handle");
  if (stream != nullptr && device_of(stream) != handle->device) {
    return refuse(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, "the stream is another device's");
  }
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}
