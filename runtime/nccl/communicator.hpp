// One end of an edge between two devices: a communicator of two ranks, the stream its transfers run in, and a lock that
// lets another thread abort it.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/cuda/handles.hpp"

namespace mp::nccl {

class Communicator {
 public:
  // rank 0 sends, rank 1 receives. Only starts to connect: both ends may be one thread's.
  Communicator(int gpu, int rank, const ncclUniqueId& id);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // Waits until the connection is there. Throws RunError, or Aborted once `stop` is set.
  void settle(const std::atomic<bool>& stop);
  void send(const void* data, std::int64_t size_bytes, const std::atomic<bool>& stop);
  void receive(void* data, std::int64_t size_bytes, const std::atomic<bool>& stop);

  // What has gone wrong behind the calls; empty: nothing.
  [[nodiscard]] std::string failure();
  void abort() noexcept;
  [[nodiscard]] cudaStream_t stream() const { return stream_->get(); }
  [[nodiscard]] int gpu() const { return gpu_; }

 private:
  // Waits for a call that NCCL has only begun; mutex_ is held.
  void finish(ncclResult_t begun, const char* call, const std::atomic<bool>& stop);

  int gpu_;
  std::unique_ptr<cuda::Stream> stream_;
  std::mutex mutex_;  // of comm_
  ncclComm_t comm_ = nullptr;
};

}  // namespace mp::nccl
