#include "runtime/profile/measured_links.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "lib/costs/link_fit.hpp"
#include "lib/program/program.hpp"
#include "runtime/device_threads.hpp"
#include "runtime/local/local_transport.hpp"
#include "runtime/profile/measured_steps.hpp"

namespace mp::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<std::int64_t, 6> kSizesBytes = {1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22};
constexpr std::size_t kRepeats = 25;
// The receiver has come to its wait by then, but is not asleep yet: where waits are longer, so are the steps around
// them, and waking up counts for little.
constexpr std::chrono::microseconds kPause{5};

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

struct Device {
  std::unique_ptr<Backend> backend;
  DeviceMemory memory;  // as large as the largest message
};

class LinkBench {
 public:
  LinkBench(std::size_t devices, const BackendFactory& backends)
      : messages_(messages_between(devices)), devices_(devices), threads_(devices, [this] {
          if (transport_) transport_->abort();
        }) {
    threads_.run([&](std::size_t d) {
      devices_[d].backend = backends(make_id<DeviceId>(d));
      devices_[d].memory = devices_[d].backend->allocate(kSizesBytes.back());
    });
    std::vector<Backend*> ends;
    for (const Device& device : devices_) ends.push_back(device.backend.get());
    transport_ = std::make_unique<LocalTransport>(messages_, ends);
  }

  [[nodiscard]] std::vector<Link> run() {
    const std::size_t devices = devices_.size();
    std::vector<Link> links(devices * devices);
    for (std::size_t first = 0; first < messages_.size(); first += kSizesBytes.size()) {
      std::vector<LinkSample> samples;
      for (std::size_t s = 0; s < kSizesBytes.size(); ++s) {
        samples.push_back({.size_bytes = kSizesBytes[s], .seconds = time_of(first + s)});
      }
      links[index(messages_[first].from) * devices + index(messages_[first].to)] = fitted_link(samples);
    }
    return links;
  }

 private:
  // Median seconds from before the send until the message is in the receiver's memory.
  double time_of(std::size_t message) {
    std::array<Clock::time_point, kRepeats> sent;
    std::array<Clock::time_point, kRepeats> received;
    const auto id = static_cast<std::int32_t>(message);
    threads_.run([&](std::size_t d) {
      std::byte* memory = devices_[d].memory.get();
      for (std::size_t r = 0; r < kRepeats; ++r) {
        if (d == index(messages_[message].from)) {
          const Clock::time_point start = Clock::now() + kPause;
          while (Clock::now() < start) {
          }
          sent[r] = Clock::now();
          transport_->send(id, memory);
          transport_->wait_send(id);
        } else if (d == index(messages_[message].to)) {
          transport_->receive(id, memory);
          received[r] = Clock::now();
        }
      }
    });
    std::vector<double> seconds;
    for (std::size_t r = 0; r < kRepeats; ++r) {
      seconds.push_back(std::chrono::duration<double>(received[r] - sent[r]).count());
    }
    return median(std::move(seconds));
  }

  std::vector<Message> messages_;
  std::vector<Device> devices_;
  std::unique_ptr<Transport> transport_;
  DeviceThreads threads_;  // last: its threads use all of the above
};

}  // namespace

std::vector<Link> measure_links(std::size_t devices, const BackendFactory& backends) {
  if (devices < 2) return {};
  return LinkBench(devices, backends).run();
}

}  // namespace mp::runtime
