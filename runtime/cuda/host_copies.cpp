#include "runtime/cuda/host_copies.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/cuda/check.hpp"
#include "runtime/cuda/handles.hpp"

namespace mp::cuda {
namespace {

constexpr std::int64_t kLeast = std::int64_t{1} << 20;
constexpr std::int64_t kMost = std::int64_t{64} << 20;  // longer copies go in pieces
constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t size_bytes) { return (size_bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void HostCopies::to_device(void* device, const void* host, std::int64_t size_bytes) {
  for (std::int64_t done = 0; done < size_bytes;) {
    const std::int64_t size = std::min(size_bytes - done, kMost);
    std::byte* const pinned = take(size);
    std::memcpy(pinned, static_cast<const std::byte*>(host) + done, static_cast<std::size_t>(size));
    MP_CUDA(cudaMemcpyAsync(static_cast<std::byte*>(device) + done, pinned, static_cast<std::size_t>(size),
                            cudaMemcpyHostToDevice, stream_));
    done += size;
  }
}

void HostCopies::to_host(void* host, const void* device, std::int64_t size_bytes) {
  for (std::int64_t done = 0; done < size_bytes;) {
    const std::int64_t size = std::min(size_bytes - done, kMost);
    std::byte* const pinned = take(size);
    MP_CUDA(cudaMemcpyAsync(pinned, static_cast<const std::byte*>(device) + done, static_cast<std::size_t>(size),
                            cudaMemcpyDeviceToHost, stream_));
    arrivals_.push_back({static_cast<std::byte*>(host) + done, pinned, size});
    done += size;
  }
}

void HostCopies::finish() {
  const cudaError_t error = cudaStreamSynchronize(stream_);
  used_ = 0;
  wanted_ = 0;
  if (error == cudaSuccess) {
    for (const Arrival& a : arrivals_) std::memcpy(a.host, a.pinned, static_cast<std::size_t>(a.size_bytes));
  }
  arrivals_.clear();
  MP_CUDA(error);
}

std::byte* HostCopies::take(std::int64_t size_bytes) {
  wanted_ += aligned(size_bytes);
  if (used_ + size_bytes > capacity_) {
    const std::int64_t wanted = wanted_;
    finish();
    wanted_ = wanted;
    if (capacity_ < std::min(wanted, kMost)) {
      capacity_ = std::min(kMost, std::max({kLeast, 2 * capacity_, wanted}));
      pinned_.reset();
      pinned_ = allocate_pinned(capacity_);
    }
  }
  std::byte* const place = pinned_.get() + used_;
  used_ += aligned(size_bytes);
  return place;
}

}  // namespace mp::cuda
