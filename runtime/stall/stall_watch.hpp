// Notices a run that does not go on although every process of it is alive: a device stuck in a kernel or in a file
// system that does not answer, a message that is lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/executor.hpp"

namespace mp::runtime {

struct StallWatchOptions {
  // How long no device of any rank may get anything done. None: 20 times the slowest of the last steps, one minute at
  // least; ten minutes before the first step is done. Of ranks, three signs of life at least.
  std::optional<std::chrono::milliseconds> limit = {};
  RankGroup* ranks = nullptr;  // null: a process alone
  // Of a process alone: called from the watch's thread when threads that merely waited have been woken and the process
  // has still not ended `grace` later, since a thread stuck for good cannot be ended. Ranks have Watch's.
  std::function<void(const std::string&)> last_resort = {};
  std::chrono::milliseconds grace{5000};
};

// A thread that looks a few times per limit at what the devices get done. Each rank tells rank 0 with its signs of
// life, and rank 0 judges. Counted from the last thing that any device got done, so that one slow instruction among
// many is nothing. When the limit has passed, the run has failed: of ranks as any failure of one (RankGroup::fail);
// alone, waits for messages end with Aborted, and stall() says why.
class StallWatch {
 public:
  explicit StallWatch(StallWatchOptions options);
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;
  ~StallWatch();

  // Watches the devices of an executor as long as this lives; on all ranks in the same order. Nothing where either is
  // null. Where none is watched nothing is expected: rank 0 may wait for a disk, say.
  class Watched {
   public:
    Watched(StallWatch* watch, Executor* executor);
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    ~Watched();

   private:
    StallWatch* watch_;
    Executor* executor_;
  };

  void step_took(double seconds);

  [[nodiscard]] std::optional<std::string> stall() const;

 private:
  using Clock = std::chrono::steady_clock;
  // What a rank has done, and where its devices are, executor by executor.
  struct Pulse {
    std::uint64_t moves = 0;
    bool is_in_collective = false;
    std::vector<DevicePlace> places;
    friend bool operator==(const Pulse&, const Pulse&) = default;
  };

  void run();
  void tick(Clock::time_point now);
  [[nodiscard]] Clock::duration limit() const;
  [[nodiscard]] Pulse own_pulse() const;
  [[nodiscard]] static std::string to_bytes(const Pulse& pulse);
  [[nodiscard]] static Pulse from_bytes(const std::string& bytes);
  [[nodiscard]] std::vector<Pulse> all_pulses() const;
  [[nodiscard]] std::string verdict(const std::vector<Pulse>& pulses) const;
  [[nodiscard]] IdVector<DeviceId, DevicePlace> places_of(std::size_t executor, const std::vector<Pulse>& pulses) const;
  [[nodiscard]] std::string between_steps(const std::vector<Pulse>& pulses) const;
  void end(std::string text);

  StallWatchOptions options_;
  mutable std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  std::vector<Executor*> executors_;
  std::deque<double> step_seconds_;  // the last ones
  bool quit_ = false;
  std::vector<Pulse> last_;
  Clock::time_point moved_at_ = Clock::now();
  Clock::time_point looked_at_ = Clock::now();
  std::optional<std::string> stall_;
  std::thread thread_;
};

}  // namespace mp::runtime
