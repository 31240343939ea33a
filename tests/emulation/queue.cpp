#include "tests/emulation/queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/emulation/state.hpp"

namespace mp::emulation {
namespace {

// A real queue is full at about this length, and the thread that puts work in waits.
constexpr std::size_t kFull = 1024;

}  // namespace

Queue::Queue(int device, std::uint64_t number)
    : device_(device),
      timing_(machine().timing),
      pauses_(machine().seed, "pauses", number),
      thread_([this] { work(); }) {}

Queue::~Queue() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

std::uint64_t Queue::put_in(Work work) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(work));
  ++put_in_;
  if (waiting_.size() > kFull) demanded_ = put_in_;
  changed_.notify_all();
  return put_in_;
}

void Queue::demand(std::uint64_t place) {
  const std::lock_guard lock(mutex_);
  demanded_ = std::max(demanded_, place);
  changed_.notify_all();
}

void Queue::finish() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = put_in_;
  demanded_ = wanted;  // the most there is
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_ >= wanted; });
}

bool Queue::is_idle() {
  const std::lock_guard lock(mutex_);
  demanded_ = put_in_;  // who asks again and again must not ask in vain
  changed_.notify_all();
  return done_ == put_in_;
}

bool Queue::may_start() const { return timing_ != Timing::kLate || done_ < demanded_ || quit_; }

void Queue::pause(std::uint64_t count) const {
  if (timing_ != Timing::kRandom) return;
  const std::uint64_t drawn = pauses_.below(count, 8);
  if (drawn == 0) std::this_thread::sleep_for(std::chrono::microseconds(pauses_.below(~count, 300)));
  if (drawn < 4) std::this_thread::yield();
}

void Queue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return waiting_.empty() ? quit_ : may_start(); });
    if (waiting_.empty()) return;
    const Work next = std::move(waiting_.front());
    waiting_.pop_front();
    const std::uint64_t count = done_;
    lock.unlock();
    pause(count);
    next();
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

}  // namespace mp::emulation
