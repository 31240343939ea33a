#include "runtime/stall/stall_watch.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

#include "lib/base/thread_name.hpp"
#include "runtime/stall/find_stall.hpp"

namespace mp::runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto kLeastLimit = 60s;
constexpr auto kFirstLimit = 600s;  // while no step has been done
constexpr double kSlowSteps = 20.0;
constexpr std::size_t kRecentSteps = 16;
constexpr int kRunFailed = 5;

static_assert(std::is_trivially_copyable_v<DevicePlace>);  // sent as bytes between ranks of one program

}  // namespace

StallWatch::StallWatch(StallWatchOptions options) : options_(std::move(options)) {
  thread_ = std::thread([this] {
    name_this_thread("stall watch");
    run();
  });
}

StallWatch::~StallWatch() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

StallWatch::Watched::Watched(StallWatch* watch, Executor* executor) : watch_(watch), executor_(executor) {
  if (watch_ == nullptr || executor_ == nullptr) return;
  const std::lock_guard lock(watch_->mutex_);
  watch_->executors_.push_back(executor_);
  watch_->moved_at_ = Clock::now();
}

StallWatch::Watched::~Watched() {
  if (watch_ == nullptr || executor_ == nullptr) return;
  const std::lock_guard lock(watch_->mutex_);
  std::erase(watch_->executors_, executor_);
}

void StallWatch::step_took(double seconds) {
  const std::lock_guard lock(mutex_);
  step_seconds_.push_back(seconds);
  if (step_seconds_.size() > kRecentSteps) step_seconds_.pop_front();
}

std::optional<std::string> StallWatch::stall() const {
  const std::lock_guard lock(mutex_);
  return stall_;
}

StallWatch::Clock::duration StallWatch::limit() const {
  if (options_.limit) {  // what other ranks do is heard of now and then
    const Clock::duration least = options_.ranks == nullptr ? Clock::duration(0) : 3 * options_.ranks->pulse_interval();
    return std::max<Clock::duration>(*options_.limit, least);
  }
  if (step_seconds_.empty()) return kFirstLimit;
  const double slowest = *std::max_element(step_seconds_.begin(), step_seconds_.end());
  return std::max<Clock::duration>(
      kLeastLimit, std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kSlowSteps * slowest)));
}

void StallWatch::run() {
  std::unique_lock lock(mutex_);
  while (!quit_ && !stall_) {
    changed_.wait_for(lock, std::min<Clock::duration>(1s, limit() / 4), [this] { return quit_; });
    if (quit_) return;
    tick(Clock::now());
  }
  if (options_.ranks != nullptr || quit_) return;
  // Threads stuck for good: nobody can end them but the end of the process.
  changed_.wait_for(lock, options_.grace, [this] { return quit_; });
  if (!quit_ && options_.last_resort) options_.last_resort(*stall_);
}

void StallWatch::tick(Clock::time_point now) {
  const bool was_stopped = now - std::exchange(looked_at_, now) > limit() / 2;  // this process itself, by a signal
  std::vector<Pulse> pulses = all_pulses();
  if (was_stopped || pulses != last_) {
    moved_at_ = now;
    last_ = std::move(pulses);
    return;
  }
  const bool judges = options_.ranks == nullptr || (options_.ranks->is_first() && !options_.ranks->failure());
  if (!judges || executors_.empty() || now - moved_at_ < limit()) return;
  end(fmt::format("{} (nothing has got done for {:.0f} s; --stall-timeout says how long to wait)", verdict(pulses),
                  std::chrono::duration<double>(now - moved_at_).count()));
}

StallWatch::Pulse StallWatch::own_pulse() const {
  Pulse pulse;
  if (options_.ranks != nullptr) pulse.is_in_collective = options_.ranks->is_in_collective();
  for (const Executor* executor : executors_) {
    const DeviceShare share = executor->share();
    for (std::size_t d = share.first; d < share.last; ++d) {
      pulse.places.push_back(executor->place(make_id<DeviceId>(d)));
      pulse.moves += pulse.places.back().moves;
    }
  }
  return pulse;
}

std::string StallWatch::to_bytes(const Pulse& pulse) {
  std::string bytes(1, pulse.is_in_collective ? '\1' : '\0');
  const auto places = std::as_bytes(std::span(pulse.places));
  std::transform(places.begin(), places.end(), std::back_inserter(bytes),
                 [](std::byte b) { return std::to_integer<char>(b); });
  return bytes;
}

StallWatch::Pulse StallWatch::from_bytes(const std::string& bytes) {
  Pulse pulse;
  if (bytes.empty()) return pulse;
  pulse.is_in_collective = bytes[0] != '\0';
  for (std::size_t at = 1; at + sizeof(DevicePlace) <= bytes.size(); at += sizeof(DevicePlace)) {
    DevicePlace& place = pulse.places.emplace_back();
    std::memcpy(&place, bytes.data() + at, sizeof place);
    pulse.moves += place.moves;
  }
  return pulse;
}

// By rank; on ranks other than the first, and in a process alone, the own one.
std::vector<StallWatch::Pulse> StallWatch::all_pulses() const {
  std::vector<Pulse> pulses{own_pulse()};
  if (options_.ranks == nullptr) return pulses;
  options_.ranks->send_pulse(to_bytes(pulses.front()));
  if (!options_.ranks->is_first()) return pulses;
  for (int rank = 1; rank < options_.ranks->size(); ++rank) pulses.push_back(from_bytes(options_.ranks->pulse(rank)));
  return pulses;
}

IdVector<DeviceId, DevicePlace> StallWatch::places_of(std::size_t executor, const std::vector<Pulse>& pulses) const {
  const std::size_t devices = executors_[executor]->program().devices.size();
  IdVector<DeviceId, DevicePlace> places(devices);
  for (std::size_t rank = 0; rank < pulses.size(); ++rank) {
    const DeviceShare share = options_.ranks == nullptr
                                  ? DeviceShare{0, devices}
                                  : share_of(static_cast<int>(rank), options_.ranks->size(), devices);
    const std::size_t count = share.last - share.first;
    const std::vector<DevicePlace>& told = pulses[rank].places;
    for (std::size_t i = 0; i < count && executor * count + i < told.size(); ++i) {
      places[make_id<DeviceId>(share.first + i)] = told[executor * count + i];
    }
  }
  return places;
}

// Where no device is in a step, or one that has not begun it: the rank whose main thread waits for no other.
std::string StallWatch::between_steps(const std::vector<Pulse>& pulses) const {
  constexpr const char* kWhat = "between two steps (writing metrics or a checkpoint, or reading data)";
  if (options_.ranks == nullptr) return fmt::format("the run is stuck {}", kWhat);
  const auto free = std::find_if(pulses.begin(), pulses.end(), [](const Pulse& pulse) {
    return !pulse.is_in_collective && std::none_of(pulse.places.begin(), pulse.places.end(),
                                                   [](const DevicePlace& place) { return place.instruction >= 0; });
  });
  const auto rank = free == pulses.end() ? 0 : static_cast<int>(free - pulses.begin());
  return fmt::format("{} is stuck {}", options_.ranks->name(rank), kWhat);
}

std::string StallWatch::verdict(const std::vector<Pulse>& pulses) const {
  for (std::size_t e = 0; e < executors_.size(); ++e) {
    const Program& program = executors_[e]->program();
    const Stall stall = find_stall(program, places_of(e, pulses), executors_[e]->waits_in_calls());
    if (stall.device == kNone<DeviceId>) continue;
    std::string who = fmt::format("device {}", index(stall.device));
    if (options_.ranks != nullptr) {
      const int rank = options_.ranks->rank_of(stall.device);
      if (stall.kind == Stall::Kind::kNotBegun && pulses[static_cast<std::size_t>(rank)].is_in_collective) {
        return between_steps(pulses);
      }
      who = options_.ranks->name(rank) + ": " + who;
    }
    return fmt::format("{} is stuck: {}", who, stall.text);
  }
  return between_steps(pulses);
}

void StallWatch::end(std::string text) {
  stall_ = std::move(text);
  if (options_.ranks != nullptr) {
    return options_.ranks->fail(kRunFailed, *stall_, RankGroup::Whose::kEverybodys);
  }
  for (Executor* executor : executors_) executor->abort();
}

}  // namespace mp::runtime
