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

}  // namespace mp::emulation
