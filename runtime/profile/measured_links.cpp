#include "runtime/profile/measured_links.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "lib/costs/link_fit.hpp"
#include "lib/program/program.hpp"
#include "runtime/device_threads.hpp"
#include "runtime/profile/measured_steps.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr std::array<std::int64_t, 6> kSizesBytes = {1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22};
constexpr std::size_t kRepeats = 25;
// The receiver has come to its wait by then, and watches.
constexpr microseconds kWatching{1};
constexpr std::array<microseconds, 10> kWaits = {
    microseconds{2},  microseconds{4},   microseconds{10},  microseconds{25},  microseconds{50},
    microseconds{75}, microseconds{100}, microseconds{250}, microseconds{500}, microseconds{1000}};

// One message slot per ordered pair and size, reused by every repeat.
std::vector<Message> messages_between(std::size_t devices) {
  std::vector<Message> messages;
  for (std::size_t from = 0; from < devices; ++from) {
    for (std::size_t to = 0; to < devices; ++to) {
      if (from == to) continue;
      for (const std::int64_t size : kSizesBytes) {
        messages.push_back({.from = make_id<DeviceId>(from), .to = make_id<DeviceId>(to), .size_bytes = size});
      }
    }
  }
  return messages;
}

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

struct Device {
  std::unique_ptr<Backend> backend;
  DeviceMemory memory;  // as large as the largest message
};

// Medians of a message: from before the send until it is in the receiver's memory, and until the sender goes on.
struct MessageTime {
  double receiver_s = 0.0;
  double sender_s = 0.0;
};

class LinkBench {
 public:
  LinkBench(std::size_t devices, const BackendFactory& backends)
      : messages_(messages_between(devices)),
        devices_(devices),
        values_(static_cast<std::size_t>(kSizesBytes.back())),
        threads_(0, devices, [this] {
          failed_ = true;
          if (transport_) transport_->abort();
        }) {
    threads_.run([&](std::size_t d) {
      devices_[d].backend = backends(make_id<DeviceId>(d));
      devices_[d].memory = devices_[d].backend->allocate(kSizesBytes.back());
    });
    std::vector<Backend*> ends;
    for (const Device& device : devices_) ends.push_back(device.backend.get());
    program_.messages = messages_;
    transport_ = ends.front()->make_transport(program_, ends, nullptr);
  }

  [[nodiscard]] std::vector<Link> links() {
    const std::size_t devices = devices_.size();
    std::vector<Link> links(devices * devices);
    for (std::size_t first = 0; first < messages_.size(); first += kSizesBytes.size()) {
      std::vector<LinkSample> samples;
      for (std::size_t s = 0; s < kSizesBytes.size(); ++s) {
        samples.push_back({.size_bytes = kSizesBytes[s], .seconds = time_of(first + s, kWatching).receiver_s});
      }
      links[index(messages_[first].from) * devices + index(messages_[first].to)] = fitted_link(samples);
    }
    return links;
  }

  // Of the first device and the second: mean of both directions, beyond a message to a receiver that watches.
  [[nodiscard]] std::vector<WakeUp> wake_ups() {
    const std::array<std::size_t, 2> there_and_back = {0, kSizesBytes.size() * (devices_.size() - 1)};
    std::vector<WakeUp> result = {{.waited_s = seconds(kWatching)}};
    for (const microseconds waited : kWaits) result.push_back({.waited_s = seconds(waited)});
    for (const std::size_t message : there_and_back) {
      const MessageTime watched = time_of(message, kWatching);
      for (std::size_t w = 0; w < kWaits.size(); ++w) {
        const MessageTime waited = time_of(message, kWaits[w]);
        result[w + 1].receiver_s += std::max(0.0, waited.receiver_s - watched.receiver_s) / 2.0;
        result[w + 1].sender_s += std::max(0.0, waited.sender_s - watched.sender_s) / 2.0;
      }
    }
    return result;
  }

 private:
  static double seconds(microseconds time) { return std::chrono::duration<double>(time).count(); }

  MessageTime time_of(std::size_t message, microseconds pause) {
    std::array<Clock::time_point, kRepeats> start;
    std::array<Clock::time_point, kRepeats> sent;
    std::array<Clock::time_point, kRepeats> received;
    const Message& what = messages_[message];
    const auto id = static_cast<std::int32_t>(message);
    written_ = 0;
    awaited_ = 0;
    threads_.run([&](std::size_t d) {
      const Device& device = devices_[d];
      for (std::size_t r = 0; r < kRepeats; ++r) {
        if (d == index(what.from)) {
          device.backend->copy_from_host(device.memory.get(), values_.data(), what.size_bytes);
          device.backend->synchronize();
          written_ = r + 1;
          await(awaited_, r + 1);
          const Clock::time_point end_of_pause = Clock::now() + pause;
          while (Clock::now() < end_of_pause) {
          }
          start[r] = Clock::now();
          transport_->send(id, device.memory.get());
          sent[r] = Clock::now();
          transport_->wait_send(id);
        } else if (d == index(what.to)) {
          await(written_, r + 1);
          awaited_ = r + 1;
          transport_->receive(id, device.memory.get());
          received[r] = Clock::now();
        }
      }
    });
    std::vector<double> receiver_s;
    std::vector<double> sender_s;
    for (std::size_t r = 0; r < kRepeats; ++r) {
      receiver_s.push_back(seconds_between(start[r], received[r]));
      sender_s.push_back(seconds_between(start[r], sent[r]));
    }
    return {.receiver_s = median(std::move(receiver_s)), .sender_s = median(std::move(sender_s))};
  }

  void await(const std::atomic<std::size_t>& count, std::size_t wanted) const {
    constexpr int kLooks = 10'000;  // a few microseconds: the other is on its way, unless other programs have its core
    for (int looks = 0; count.load() != wanted; ++looks) {
      if (failed_) throw Aborted();
      if (looks < kLooks) continue;
      looks = 0;
      std::this_thread::yield();
    }
  }

  std::vector<Message> messages_;
  Program program_;  // of these alone
  std::vector<Device> devices_;
  std::vector<std::byte> values_;
  std::unique_ptr<Transport> transport_;
  std::atomic<std::size_t> written_{0};  // messages of a series that the sender has made
  std::atomic<std::size_t> awaited_{0};  // and the receiver has come to
  std::atomic<bool> failed_{false};
  DeviceThreads threads_;  // last: its threads use all of the above
};

}  // namespace

MeasuredLinks measure_links(std::size_t devices, const BackendFactory& backends) {
  if (devices < 2) return {};
  LinkBench bench(devices, backends);
  MeasuredLinks result{.links = bench.links(), .wake_ups = {}};
  result.wake_ups = bench.wake_ups();
  return result;
}

}  // namespace mp::runtime
