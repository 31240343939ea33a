#include "tests/emulation/library.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/emulation/state.hpp"
#include "tests/emulation/stream.hpp"

namespace mp::emulation {

bool put_in_library(int device, cudaStream_t stream, void* workspace, std::size_t workspace_size,
                    std::function<void()> work) {
  if (stream == nullptr || device != current_device() || device_of(stream) != device) return false;
  constexpr std::size_t kUsed = 4096;
  const std::size_t used = std::min(workspace_size, kUsed);
  const cudaError_t error = put_in(stream, [workspace, used, work = std::move(work)] {
    if (used > 0) std::memset(workspace, 0xff, used);
    add_to(mutable_counts().launches, 1);
    work();
  });
  return error == cudaSuccess;
}

void require_own_device(int device) {
  if (device == current_device()) return;
  std::fprintf(stderr, "emulated GPU: a library's handle of device %d is destroyed while %d is current\n", device,
               current_device());
  std::abort();
}

}  // namespace mp::emulation
