#include "runtime/cuda/handles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "lib/base/error.hpp"

namespace mp::cuda {
namespace {

double gigabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1e9; }

[[noreturn]] void out_of_memory(std::size_t size_bytes) {
  int device = -1;
  static_cast<void>(cudaGetDevice(&device));
  std::size_t available = 0;
  std::size_t total = 0;
  const bool is_known = cudaMemGetInfo(&available, &total) == cudaSuccess;
  static_cast<void>(cudaGetLastError());
  const std::string known =
      is_known ? fmt::format("; {:.3f} GB of its {:.3f} GB are free", gigabytes(available), gigabytes(total)) : "";
  throw RunError(fmt::format("cuda:{}: no memory for {:.3f} GB{}", device, gigabytes(size_bytes), known));
}

}  // namespace

runtime::DeviceMemory allocate(std::int64_t size_bytes, cudaStream_t stream) {
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(size_bytes, 1));
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, size);
  if (error == cudaErrorMemoryAllocation) out_of_memory(size);
  MP_CUDA(error);
  runtime::DeviceMemory owner(static_cast<std::byte*>(memory), [](std::byte* m) { static_cast<void>(cudaFree(m)); });
  MP_CUDA(cudaMemsetAsync(memory, 0, size, stream));
  return owner;
}

std::shared_ptr<std::byte> allocate_pinned(std::int64_t size_bytes) {
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(size_bytes, 1));
  void* memory = nullptr;
  MP_CUDA(cudaHostAlloc(&memory, size, cudaHostAllocPortable | cudaHostAllocMapped));
  std::memset(memory, 0, size);
  return {static_cast<std::byte*>(memory), [](std::byte* m) { static_cast<void>(cudaFreeHost(m)); }};
}

}  // namespace mp::cuda
