#include "lib/program/waits.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"

namespace mp {
namespace {

// Sends of one device that nobody has waited for yet, by address. Two messages may leave from one buffer.
class PendingSends {
 public:
  void start(std::int64_t offset_bytes, const std::vector<Message>& messages, std::int32_t message) {
    const std::int64_t size_bytes = messages[static_cast<std::size_t>(message)].size_bytes;
    if (size_bytes > 0) pending_.emplace(offset_bytes, Pending{size_bytes, message});
    longest_ = std::max(longest_, size_bytes);
  }

  // Takes out those whose bytes the buffer's overlap.
  void take_overlapping(const Buffer& buffer, std::vector<std::int32_t>& messages) {
    const std::int64_t end = buffer.offset_bytes + buffer.size_bytes;
    for (auto at = pending_.upper_bound(buffer.offset_bytes - longest_); at != pending_.end() && at->first < end;) {
      if (at->first + at->second.size_bytes > buffer.offset_bytes) {
        messages.push_back(at->second.message);
        at = pending_.erase(at);
      } else {
        ++at;
      }
    }
  }

 private:
  struct Pending {
    std::int64_t size_bytes = 0;
    std::int32_t message = -1;
  };
  std::multimap<std::int64_t, Pending> pending_;
  std::int64_t longest_ = 0;
};

Instruction wait_for(const Emission& emission, std::int32_t message) {
  const Message& sent = emission.messages[static_cast<std::size_t>(message)];
  return {.opcode = Opcode::kWaitSend, .tensor = sent.tensor, .microbatch = sent.microbatch, .message = message};
}

using Waits = std::vector<std::vector<std::int32_t>>;  // messages to wait for before each position, and at the end

Waits find_waits(const Emission& emission, const DeviceProgram& device) {
  const std::vector<Instruction>& list = device.instructions;
  Waits waits(list.size() + 1);
  PendingSends pending;
  std::vector<std::int32_t> sent;
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const BufferId b : list[i].outputs) {
      if (b != kNone<BufferId>) pending.take_overlapping(device.buffers[b], waits[i]);
    }
    std::sort(waits[i].begin(), waits[i].end());
    if (list[i].opcode != Opcode::kSend) continue;
    pending.start(device.buffers[list[i].inputs.front()].offset_bytes, emission.messages, list[i].message);
    sent.push_back(list[i].message);
  }
  std::vector<bool> waited(emission.messages.size(), false);
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const std::int32_t message : waits[i]) {
      MP_CHECK(emission.wait_from[static_cast<std::size_t>(message)] <= static_cast<std::int32_t>(i));
      waited[static_cast<std::size_t>(message)] = true;
    }
  }
  for (const std::int32_t message : sent) {
    if (!waited[static_cast<std::size_t>(message)]) waits.back().push_back(message);
  }
  return waits;
}

}  // namespace

void place_waits(Emission& emission) {
  IdVector<DeviceId, Waits> waits;
  IdVector<DeviceId, std::vector<Instruction>> old(emission.devices.size());
  for (const DeviceId d : ids<DeviceId>(emission.devices.size())) {
    waits.push_back(find_waits(emission, emission.devices[d]));
    old[d] = std::move(emission.devices[d].instructions);
    emission.devices[d].instructions = {};
  }
  std::vector<Program::Step> order;
  order.reserve(emission.order.size() + emission.messages.size());
  const auto append = [&](DeviceId d, Instruction instruction) {
    std::vector<Instruction>& list = emission.devices[d].instructions;
    order.push_back({d, static_cast<std::int32_t>(list.size())});
    list.push_back(std::move(instruction));
  };
  for (const Program::Step& step : emission.order) {
    const auto position = static_cast<std::size_t>(step.instruction);
    for (const std::int32_t message : waits[step.device][position]) append(step.device, wait_for(emission, message));
    append(step.device, std::move(old[step.device][position]));
  }
  for (const DeviceId d : ids<DeviceId>(waits.size())) {
    for (const std::int32_t message : waits[d].back()) append(d, wait_for(emission, message));
  }
  emission.order = std::move(order);
}

}  // namespace mp
