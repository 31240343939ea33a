#include "runtime/device_threads.hpp"

#include <fmt/core.h>

#include <utility>

#include "lib/base/thread_name.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

DeviceThreads::DeviceThreads(std::size_t first, std::size_t count, std::function<void()> on_failure)
    : on_failure_(std::move(on_failure)) {
  threads_.reserve(count);
  for (std::size_t thread = 0; thread < count; ++thread) {
    threads_.emplace_back([this, thread, device = first + thread] {
      name_this_thread(fmt::format("device {}", device));
      work(thread);
    });
  }
}

DeviceThreads::~DeviceThreads() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void DeviceThreads::run(const std::function<void(std::size_t)>& task) {
  std::unique_lock lock(mutex_);
  task_ = &task;
  working_ = threads_.size();
  error_ = nullptr;
  error_is_cause_ = false;
  ++round_;
  lock.unlock();  // whom it wakes finds the mutex free
  start_.notify_all();
  lock.lock();
  done_.wait(lock, [this] { return working_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void DeviceThreads::record(std::exception_ptr error, bool is_cause) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_ || (is_cause && !error_is_cause_)) {
      error_ = std::move(error);
      error_is_cause_ = is_cause;
    }
  }
  on_failure_();
}

void DeviceThreads::work(std::size_t thread) {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return quit_ || round_ != seen; });
      if (quit_) return;
      seen = round_;
    }
    try {
      (*task_)(thread);
    } catch (const Aborted&) {
      record(std::current_exception(), false);
    } catch (...) {
      record(std::current_exception(), true);
    }
    bool is_last = false;
    {
      const std::lock_guard lock(mutex_);
      is_last = --working_ == 0;
    }
    if (is_last) done_.notify_all();
  }
}

}  // namespace mp::runtime
