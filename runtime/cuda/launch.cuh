// Runs the functions of runtime/gpu on the device: launch_items and launch_rows of runtime/gpu/launch.hpp.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "runtime/cuda/check.hpp"
#include "runtime/gpu/launch.hpp"

// Also compiled by C++ compilers, for the GPU that tests/emulation/ emulates (MP_EMULATED_DEVICE): there the words of
// device code are that emulation's.
#if defined(__CUDA_ARCH__) || defined(MP_EMULATED_DEVICE)
#define MP_DEVICE_CODE
#endif

namespace mp::runtime::gpu {

inline constexpr int kItemThreads = 256;
inline constexpr int kMostRowThreads = 512;
inline constexpr unsigned kWarp = 32;

// A block's threads. Sums are made in an order that follows from the block's size alone: by a butterfly within each
// warp, whose lanes all end with the same bits, then over the warps.
class BlockGroup {
 public:
  static constexpr std::int64_t kMostSize = kMostRowThreads;
  MP_HD std::int64_t rank() const {
#ifdef MP_DEVICE_CODE
    return threadIdx.x;
#else
    return 0;
#endif
  }
  MP_HD std::int64_t size() const {
#ifdef MP_DEVICE_CODE
    return blockDim.x;
#else
    return 1;
#endif
  }
  MP_HD double sum(double x) const {
    return reduce(x, 0.0, [](double a, double b) { return a + b; });
  }
  MP_HD void sum(double& x, double& y) const {
    const Pair both = reduce(Pair{x, y}, Pair{0.0, 0.0}, [](Pair a, Pair b) { return Pair{a.x + b.x, a.y + b.y}; });
    x = both.x;
    y = both.y;
  }
  MP_HD float largest(float x) const {
    return reduce(x, -kInfinity, [](float a, float b) { return fmaxf(a, b); });
  }
  MP_HD std::int64_t largest(std::int64_t x) const {
    return reduce(x, INT64_MIN, [](std::int64_t a, std::int64_t b) { return most(a, b); });
  }
  MP_HD std::int64_t smallest(std::int64_t x) const {
    return reduce(x, INT64_MAX, [](std::int64_t a, std::int64_t b) { return least(a, b); });
  }
  MP_HD void wait() const {
#ifdef MP_DEVICE_CODE
    __syncthreads();
#endif
  }

 private:
  struct Pair {
    double x;
    double y;
  };
  template <class T>
  struct SameType {
    using Type = T;
  };
#ifdef MP_DEVICE_CODE
  // Of the lane whose number differs by these bits.
  template <class T>
  MP_HD static T exchange(T x, unsigned offset) {
    return __shfl_xor_sync(0xffffffffU, x, offset);
  }
  MP_HD static Pair exchange(Pair pair, unsigned offset) {
    return {exchange(pair.x, offset), exchange(pair.y, offset)};
  }
#endif
  // The shuffles have no overload for std::int64_t, which is long, not long long.
  template <class T, class Combine>
  MP_HD T butterfly(T x, Combine combine) const {
#ifdef MP_DEVICE_CODE
    for (unsigned offset = kWarp / 2; offset > 0; offset /= 2) x = combine(x, exchange(x, offset));
#else
    static_cast<void>(combine);
#endif
    return x;
  }
  template <class T, class Combine>
  MP_HD T reduce(T x, typename SameType<T>::Type nothing, Combine combine) const {
#ifdef MP_DEVICE_CODE
    __shared__ T of_warps[kWarp];
    x = butterfly(x, combine);
    if (blockDim.x <= kWarp) return x;
    const unsigned lane = threadIdx.x % kWarp;
    __syncthreads();  // what the last reduction left has been read
    if (lane == 0) of_warps[threadIdx.x / kWarp] = x;
    __syncthreads();
    x = lane < blockDim.x / kWarp ? of_warps[lane] : nothing;
    return butterfly(x, combine);
#else
    static_cast<void>(nothing);
    static_cast<void>(combine);
    return x;
#endif
  }
};

template <class Item>
__global__ void __launch_bounds__(kItemThreads) run_items(Item item, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) item(i);
}

template <class Row>
__global__ void __launch_bounds__(kMostRowThreads) run_rows(Row row, std::int64_t rows) {
  const BlockGroup group;
  for (std::int64_t i = blockIdx.x; i < rows; i += gridDim.x) row(i, group);
}

// function(arguments…) by all threads of all blocks, in the stream's order.
template <class... P>
void launch(void (*function)(P...), unsigned blocks, unsigned threads, void* stream, const P&... arguments) {
#ifdef MP_EMULATED_DEVICE
  emulation::launch({.blocks = blocks, .threads = threads}, static_cast<cudaStream_t>(stream),
                    [=] { function(arguments...); });
#else
  function<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(arguments...);
#endif
  MP_CUDA(cudaGetLastError());
}

template <class Item>
void launch_items(void* stream, std::int64_t count, const Item& item) {
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 30;
  const auto blocks = static_cast<unsigned>(least(divide_up(count, kItemThreads), kMostBlocks));
  launch(run_items<Item>, blocks, kItemThreads, stream, item, count);
}

// Threads of a row: about eight elements to each.
inline unsigned row_threads(std::int64_t width) {
  unsigned threads = kWarp;
  while (threads < kMostRowThreads && static_cast<std::int64_t>(threads) * 8 < width) threads *= 2;
  return threads;
}

template <class Row>
void launch_rows(void* stream, std::int64_t rows, std::int64_t width, const Row& row) {
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 30;
  const auto blocks = static_cast<unsigned>(least(rows, kMostBlocks));
  launch(run_rows<Row>, blocks, row_threads(width), stream, row, rows);
}

}  // namespace mp::runtime::gpu

// The device's code of one item or row type.
#define MP_LAUNCH_ITEM(...) template void launch_items(void*, std::int64_t, const __VA_ARGS__&)
// … of an item that has run<N>(i), one by one and in packs.
#define MP_LAUNCH_ELEMENTS(...)                \
  MP_LAUNCH_ITEM(SingleItem<__VA_ARGS__>);     \
  MP_LAUNCH_ITEM(PackedItem<__VA_ARGS__>)
#define MP_LAUNCH_ROW(...) template void launch_rows(void*, std::int64_t, std::int64_t, const __VA_ARGS__&)
