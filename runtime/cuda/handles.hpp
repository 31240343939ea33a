// Streams, events, memory: owned, each freed with its owner. Destructors report nothing: what failed before has been
// thrown already.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "runtime/backend.hpp"
#include "runtime/cuda/check.hpp"

namespace mp::cuda {

class Stream {
 public:
  Stream() { MP_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Of the device that is current when it is made.
class Event final : public runtime::Mark {
 public:
  Event() {
    MP_CUDA(cudaGetDevice(&device_));
    MP_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
  }
  ~Event() override { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  [[nodiscard]] cudaEvent_t get() const { return event_; }
  [[nodiscard]] int device() const { return device_; }

 private:
  int device_ = 0;
  cudaEvent_t event_ = nullptr;
};

// A recorded stretch of work, ready to be replayed.
class Graph {
 public:
  explicit Graph(cudaGraph_t recorded) {
    const cudaError_t error = cudaGraphInstantiate(&graph_, recorded, 0);
    static_cast<void>(cudaGraphDestroy(recorded));
    MP_CUDA(error);
  }
  ~Graph() { static_cast<void>(cudaGraphExecDestroy(graph_)); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void launch(cudaStream_t stream) { MP_CUDA(cudaGraphLaunch(graph_, stream)); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

// Of the current device, exactly this size (but for 0), zeroed in the stream. Throws RunError that says how much there
// is where there is not enough.
[[nodiscard]] runtime::DeviceMemory allocate(std::int64_t size_bytes, cudaStream_t stream);

// Host memory that the device reads and writes, too; zeroed.
[[nodiscard]] std::shared_ptr<std::byte> allocate_pinned(std::int64_t size_bytes);

}  // namespace mp::cuda
