// The threads of one CPU device.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace mp::runtime {

// Shares the parts of a piece of work among a fixed number of threads, the caller's among them. Which thread runs which
// part is left to chance, so that results are the same bits for every team only where the work was cut by its shape,
// and no two parts write the same element. Idle threads sleep: several devices may share the cores. Not OpenMP, whose
// idle threads spin, and whose wait policy could be changed by the environment alone, before the program starts.
class Team {
 public:
  // At least 1 thread. With `cores`, one for each thread, each keeps to its own: the caller's to the first.
  explicit Team(int threads, const std::vector<int>& cores = {});
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // part(i, worker) for every i in [0, parts), worker in [0, threads()): no two parts at once have the same worker.
  // Returns when all are done; rethrows the first exception. From one thread at a time; parts must not nest calls.
  template <class Part>
  void for_each(std::int64_t parts, Part&& part) {
    using Callable = std::remove_reference_t<Part>;
    run({[](const void* context, std::int64_t i, int worker) { (*static_cast<const Callable*>(context))(i, worker); },
         std::addressof(part)},
        parts);
  }

  // part(begin, end) over [0, size) in ranges of `grain` (the last may be shorter).
  template <class Part>
  void for_range(std::int64_t size, std::int64_t grain, Part&& part) {
    const std::int64_t parts = (size + grain - 1) / grain;
    for_each(parts, [&](std::int64_t i, int) { part(i * grain, i + 1 == parts ? size : (i + 1) * grain); });
  }

 private:
  struct Work {
    void (*call)(const void* context, std::int64_t part, int worker) = nullptr;
    const void* context = nullptr;
  };
  void run(Work work, std::int64_t parts);
  void work_for(std::uint32_t generation, int worker);
  void worker_main(int worker);

  std::vector<std::thread> workers_;
  Work work_;
  // Generation of the work in the upper half, parts nobody has taken yet in the lower: one compare-and-swap takes a
  // part of the work the thread was woken for, and can take none of a later one.
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> generation_{0};  // what sleeping workers watch
  std::atomic<std::uint32_t> unfinished_{0};  // parts; what the caller watches
  std::atomic<bool> stopping_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace mp::runtime
