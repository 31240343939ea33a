// What the emulated libraries share: work in a stream, and scratch that is not what it was.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

namespace mp::emulation {

// Puts the work into the stream, which must be the current device's; false where it cannot be. Before the work, scratch
// is overwritten, as a library may do.
[[nodiscard]] bool put_in_library(int device, cudaStream_t stream, void* workspace, std::size_t workspace_size,
                                  std::function<void()> work);

// Before a library's handle is destroyed: ends the program where another device is current. "The device associated with
// a particular cuBLAS context is assumed to remain unchanged between cublasCreate() and cublasDestroy()".
void require_own_device(int device);

}  // namespace mp::emulation
