// One member's end of a communicator, the stream that its transfers run in, and a lock that lets another thread abort
// it.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "runtime/cuda/handles.hpp"

namespace mp::nccl {

struct Seat {
  int gpu = 0;
  int rank = 0;
  int size = 2;
};

enum class Call : std::uint8_t { kSend, kReceive, kAllReduce, kReduce, kBroadcast };

// Sums are of float32; all else is bytes.
struct Transfer {
  Call call = Call::kSend;
  const void* from = nullptr;  // may be `to`
  void* to = nullptr;
  std::int64_t size_bytes = 0;
  int peer = 0;  // the other end, or the root
};

struct Waiting {
  const std::atomic<bool>& stop;
  // While connections are made: a host or a network that lets nothing through is no error of NCCL's.
  std::chrono::milliseconds patience = std::chrono::hours(24 * 365);
};

// Calls return while NCCL is still at work with them, and can be given up: begin() starts one, settle() waits until it
// is in the stream. The device's work behind it goes on for as long as the other members need.
class Communicator {
 public:
  // Only starts to connect: several members may be one thread's.
  Communicator(const Seat& seat, const ncclUniqueId& id);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  void begin(const Transfer& transfer);
  // Throws RunError, when there is no patience left, too, or Aborted once `stop` is set.
  void settle(const Waiting& waiting);
  // Until the work in the stream is done. Throws like settle().
  void await(const Waiting& waiting);
  // Several go as one: in one launch, none behind another.
  void run(std::span<const Transfer> transfers, const std::atomic<bool>& stop);

  // The end of a good run: start on all ends, then wait for each. Where the others do not come by then, it is still to
  // be aborted.
  void begin_to_close() noexcept;
  void close(std::chrono::steady_clock::time_point deadline, const std::atomic<bool>& stop) noexcept;

  // What has gone wrong behind the calls; empty: nothing.
  [[nodiscard]] std::string failure();
  // NCCL frees what the communicator has on its GPU, which waits for all work there: of several whose transfers may
  // wait for other members, all are to be aborted in one group, or the first waits for the transfers of the next.
  static void abort_all(std::span<Communicator* const> communicators) noexcept;
  [[nodiscard]] cudaStream_t stream() const { return stream_->get(); }
  [[nodiscard]] int gpu() const { return seat_.gpu; }

 private:
  [[nodiscard]] ncclResult_t call(const Transfer& transfer);
  [[nodiscard]] ncclResult_t call_all(std::span<const Transfer> transfers);
  void finish(ncclResult_t begun, const Waiting& waiting);
  [[nodiscard]] ncclComm_t release() noexcept;  // null: it is closed or aborted already

  Seat seat_;
  std::unique_ptr<cuda::Stream> stream_;
  std::mutex mutex_;  // of all below
  ncclComm_t comm_ = nullptr;
  bool is_closing_ = false;
  const char* last_call_ = "ncclCommInitRankConfig";
};

}  // namespace mp::nccl
