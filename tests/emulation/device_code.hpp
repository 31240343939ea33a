// The words of device code, for a C++ compiler: included before runtime/cuda/launch.cuh (-include), whose kernels are
// then functions that an emulated GPU runs, block by block, with all threads of a block.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "tests/emulation/launch.hpp"

#define MP_EMULATED_DEVICE

// Of a block: its threads are one thread of the host, and its blocks come one after the other. Uninitialised on a GPU;
// here it keeps what the block before left.
#undef __shared__
#define __shared__ static thread_local
#define __launch_bounds__(...)

#define threadIdx (::mp::emulation::this_thread().thread)
#define blockIdx (::mp::emulation::this_thread().block)
#define blockDim (::mp::emulation::this_thread().threads)
#define gridDim (::mp::emulation::this_thread().blocks)

inline void __syncthreads() { ::mp::emulation::meet_block(); }
inline void __syncwarp(unsigned mask = 0xffffffffU) {
  static_cast<void>(::mp::emulation::exchange(mask, 0, ::mp::emulation::lane()));
}

// Of `value` in the lane `from`.
template <class T>
T mp_shuffle(unsigned mask, T value, unsigned from) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = ::mp::emulation::exchange(mask, bits, from);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
  return mp_shuffle(mask, value, static_cast<unsigned>(from) % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned offset) {
  return mp_shuffle(mask, value, ::mp::emulation::lane() ^ offset);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned offset) {
  const unsigned lane = ::mp::emulation::lane();
  return mp_shuffle(mask, value, lane + offset < 32 ? lane + offset : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned offset) {
  const unsigned lane = ::mp::emulation::lane();
  return mp_shuffle(mask, value, lane >= offset ? lane - offset : lane);
}
