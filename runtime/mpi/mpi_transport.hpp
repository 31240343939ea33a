// Messages between devices of different ranks by MPI.
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

// Non-blocking calls alone, with the message's number as tag, on a communicator of its own. One thread makes all of
// them and keeps asking MPI how they are getting on, so that large messages, which MPI moves only while it is called,
// travel beside the computation; the devices' threads sleep until theirs is done.
class MpiTransport final : public Transport {
 public:
  // Collective. Throws RunError where MPI has too few tags.
  MpiTransport(RankGroup& ranks, std::span<const Message> messages);
  ~MpiTransport() override;

  void send(std::int32_t message, const void* data) override;
  void wait_send(std::int32_t message) override;
  void receive(std::int32_t message, void* data) override;
  void abort() noexcept override;

 private:
  // kAborted is never left again.
  enum class State : int { kIdle, kPosted, kDone, kAborted };
  struct Slot {
    std::atomic<State> state{State::kIdle};
    void* data = nullptr;  // of a send: only read
    std::int64_t size_bytes = 0;
    int peer = -1;  // rank at the other end; −1: both ends are elsewhere, or both here
    bool is_send = false;
    int parts_left = 0;  // of the communicating thread alone
  };

  void post(std::int32_t message, void* data);
  void wait(std::int32_t message);
  void communicate();
  void start(std::int32_t message);
  [[nodiscard]] bool finish_some();

  RankGroup& ranks_;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::vector<Slot> slots_;
  std::vector<MPI_Request> requests_;   // of the communicating thread, as is all until the mutex
  std::vector<std::int32_t> messages_;  // beside requests_
  std::vector<int> completed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::int32_t> posted_;
  bool quit_ = false;
  std::atomic<bool> aborted_{false};
  std::thread thread_;
};

}  // namespace mp::runtime
