// Copies between the device and memory of the host that anybody owns, by way of pinned memory: what the driver does
// with memory that is not pinned is left open by CUDA (it may wait for the whole stream, or read the memory later).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mp::cuda {

class HostCopies {
 public:
  explicit HostCopies(cudaStream_t stream) : stream_(stream) {}

  // In the stream's order; the host's memory has been read when the call returns.
  void to_device(void* device, const void* host, std::int64_t size_bytes);
  // In the stream's order; the host's memory holds the bytes after the next finish().
  void to_host(void* host, const void* device, std::int64_t size_bytes);
  // Waits for the stream.
  void finish();

  [[nodiscard]] std::int64_t pinned_bytes() const { return capacity_; }

 private:
  struct Arrival {
    std::byte* host;
    const std::byte* pinned;
    std::int64_t size_bytes;
  };
  // So much pinned memory that no copy uses; waits where there is none left.
  [[nodiscard]] std::byte* take(std::int64_t size_bytes);

  cudaStream_t stream_;
  std::shared_ptr<std::byte> pinned_;
  std::int64_t capacity_ = 0;
  std::int64_t used_ = 0;    // since the last finish()
  std::int64_t wanted_ = 0;  // likewise, had there been room for all
  std::vector<Arrival> arrivals_;
};

}  // namespace mp::cuda
