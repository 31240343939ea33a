// Independent tasks on a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace mp::partition {

// Calls task(worker, i) once for each i < count, worker < threads; different workers run at the same time. The
// first exception is passed on after all workers have ended. With one thread everything runs in the caller.
template <class Task>
void parallel_for(int threads, std::size_t count, const Task& task) {
  const auto workers = std::min<std::size_t>(static_cast<std::size_t>(std::max(1, threads)), count);
  if (workers <= 1) {
    for (std::size_t i = 0; i < count; ++i) task(std::size_t{0}, i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](std::size_t worker) {
    try {
      for (std::size_t i = next++; i < count; i = next++) task(worker, i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> pool;
    for (std::size_t worker = 1; worker < workers; ++worker) pool.emplace_back(work, worker);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mp::partition
