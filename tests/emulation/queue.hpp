// The queue of a stream and the thread that empties it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "lib/base/random.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/stream.hpp"

namespace mp::emulation {

class Queue {
 public:
  Queue(int device, std::uint64_t number);
  ~Queue();  // does what is left
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Returns how many have been put in with it.
  std::uint64_t put_in(Work work);
  // Somebody waits for the first so many.
  void demand(std::uint64_t place);
  void finish();
  [[nodiscard]] bool is_idle();
  [[nodiscard]] int device() const { return device_; }

 private:
  void work();
  void pause(std::uint64_t count) const;
  [[nodiscard]] bool may_start() const;

  const int device_;
  const Timing timing_;
  const RandomStream pauses_;
  std::mutex mutex_;  // a lock of its own: no order between streams but what events make (the thread sanitizer looks)
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  std::uint64_t put_in_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t demanded_ = 0;
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace mp::emulation

// The toolkit declares these two; a stream and a graph are ours.
struct CUstream_st {
  std::shared_ptr<mp::emulation::Queue> queue;
  CUgraph_st* capture = nullptr;  // while it is captured
};
