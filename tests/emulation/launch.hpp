// Kernels: a function done by every thread of every block. The threads of a block are fibers, changed where they wait
// for each other, in an order drawn from the seed: code that forgets to wait has wrong numbers.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>

namespace mp::emulation {

struct ThreadPlace {
  uint3 thread{};
  uint3 block{};
  dim3 threads{};  // of a block
  dim3 blocks{};   // of the grid
};
inline thread_local constinit ThreadPlace place_of_thread{};
inline const ThreadPlace& this_thread() { return place_of_thread; }
inline unsigned lane() { return place_of_thread.thread.x % 32; }

// __syncthreads: all threads of the block, none of which may have ended.
void meet_block();
// Of all lanes of the warp: gives `value` to whoever asks this lane, returns that of the lane `from`.
[[nodiscard]] std::uint64_t exchange(unsigned mask, std::uint64_t value, unsigned from);

struct Extent {
  unsigned blocks = 1;
  unsigned threads = 1;
};

// Calls body() for every thread, in the calling thread. Throws std::runtime_error where threads wait for each other in
// vain.
void run_blocks(Extent extent, std::uint64_t seed, const std::function<void()>& body);

// Puts function(arguments…) into the stream, of the current device; errors are cudaGetLastError's.
void launch(Extent extent, cudaStream_t stream, std::function<void()> body);

}  // namespace mp::emulation
