// What the files of the emulated cuDNN share: the handle, refusals, memory that is looked at before it is used.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

struct cudnnContext {
  int device = 0;
  cudaStream_t stream = nullptr;
};

namespace mp::emulation {

// Returns `status`, and keeps the reason for cudnnGetLastErrorString.
cudnnStatus_t refuse(cudnnStatus_t status, std::string why);

// That [address, address + size) is memory of the handle's device at a multiple of `alignment`. cuDNN itself looks at
// the alignment alone; beyond the memory a GPU would fault.
[[nodiscard]] cudnnStatus_t check_memory(const cudnnContext& handle, const void* address, std::size_t size,
                                         std::size_t alignment, const std::string& what);
[[nodiscard]] cudnnStatus_t check_workspace(const cudnnContext& handle, const void* workspace, std::size_t given,
                                            std::size_t needed);

// Puts the work into the handle's stream.
[[nodiscard]] cudnnStatus_t put_in_cudnn(const cudnnContext& handle, void* workspace, std::size_t workspace_size,
                                         std::function<void()> work);

// A factor close to 1, another one at each call, and seen in bfloat16, too: what an algorithm that adds in any order
// does to its results.
[[nodiscard]] float any_order();

}  // namespace mp::emulation
