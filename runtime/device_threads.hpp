// One thread per device, kept for the whole run: oneDNN primitives and OpenMP teams belong to the thread that made
// them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mp::runtime {

class DeviceThreads {
 public:
  // Thread i is named "device {first + i}". `on_failure` is called, from the thread concerned, as soon as a task
  // throws: it must wake the other threads.
  DeviceThreads(std::size_t first, std::size_t count, std::function<void()> on_failure);
  DeviceThreads(const DeviceThreads&) = delete;
  DeviceThreads& operator=(const DeviceThreads&) = delete;
  ~DeviceThreads();

  // Runs task(i) in every thread i and returns when all have ended. If any threw, throws the first exception in time
  // that is not Aborted. Allocates nothing as long as none throws.
  void run(const std::function<void(std::size_t)>& task);

 private:
  void work(std::size_t thread);
  void record(std::exception_ptr error, bool is_cause);

  std::function<void()> on_failure_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  const std::function<void(std::size_t)>* task_ = nullptr;
  std::uint64_t round_ = 0;  // counts calls of run(): a thread works when it has not seen this round
  std::size_t working_ = 0;
  bool quit_ = false;
  std::exception_ptr error_;
  bool error_is_cause_ = false;  // false: only Aborted was seen so far
  std::vector<std::thread> threads_;
};

}  // namespace mp::runtime
