#include "runtime/nccl/nccl_transport.hpp"

#include <nccl.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/nccl/communicator.hpp"

namespace mp::runtime {
namespace {

using nccl::Communicator;

constexpr std::chrono::milliseconds kWatchInterval{100};

// From one device to another; an end that is another process's is null.
struct Edge {
  std::unique_ptr<Communicator> sender;
  std::unique_ptr<Communicator> receiver;
};

struct Slot {
  Edge* edge = nullptr;
  Backend* from = nullptr;
  Backend* to = nullptr;
  std::int64_t size_bytes = 0;
  std::unique_ptr<Mark> made;    // of `from`'s stream: the data is there
  std::unique_ptr<Mark> sent;    // of the edge's stream at `from`
  std::unique_ptr<Mark> vacant;  // of `to`'s stream: the buffer may be written
  std::unique_ptr<Mark> here;    // of the edge's stream at `to`
};

cudaEvent_t event_of(const std::unique_ptr<Mark>& mark) { return dynamic_cast<cuda::Event&>(*mark).get(); }

class NcclTransport final : public Transport {
 public:
  NcclTransport(std::span<const Message> messages, std::span<Backend* const> backends, const NcclOptions& options)
      : slots_(messages.size()) {
    for (std::size_t m = 0; m < messages.size(); ++m) {
      const Message& message = messages[m];
      Slot& slot = slots_[m];
      slot.from = backends[index(message.from)];
      slot.to = backends[index(message.to)];
      slot.size_bytes = message.size_bytes;
      if (slot.from == nullptr && slot.to == nullptr) continue;
      slot.edge = &edge_between(message.from, message.to, options);
      if (slot.from != nullptr) slot.made = slot.from->make_mark();
      if (slot.from != nullptr) slot.sent = slot.from->make_mark();
      if (slot.to != nullptr) slot.vacant = slot.to->make_mark();
      if (slot.to != nullptr) slot.here = slot.to->make_mark();
    }
    for (auto& [devices, edge] : edges_) {
      if (edge.sender) edge.sender->settle(stop_);
      if (edge.receiver) edge.receiver->settle(stop_);
    }
    watcher_ = std::thread([this] { watch(); });
  }

  ~NcclTransport() override {
    leaving_ = true;
    watcher_.join();
  }

  void send(std::int32_t message, const void* data) override {
    check();
    Slot& slot = slots_[static_cast<std::size_t>(message)];
    Communicator& end = *slot.edge->sender;
    slot.from->record(slot.made.get());
    MP_CUDA(cudaStreamWaitEvent(end.stream(), event_of(slot.made), 0));
    end.send(data, slot.size_bytes, stop_);
    MP_CUDA(cudaEventRecord(event_of(slot.sent), end.stream()));
  }
  void wait_send(std::int32_t message) override {
    check();
    Slot& slot = slots_[static_cast<std::size_t>(message)];
    slot.from->wait_for(slot.sent.get());
  }
  void receive(std::int32_t message, void* data) override {
    check();
    Slot& slot = slots_[static_cast<std::size_t>(message)];
    Communicator& end = *slot.edge->receiver;
    slot.to->record(slot.vacant.get());
    MP_CUDA(cudaStreamWaitEvent(end.stream(), event_of(slot.vacant), 0));
    end.receive(data, slot.size_bytes, stop_);
    MP_CUDA(cudaEventRecord(event_of(slot.here), end.stream()));
    slot.to->wait_for(slot.here.get());
  }
  void abort() noexcept override {
    stop_ = true;
    for (auto& [devices, edge] : edges_) {
      if (edge.sender) edge.sender->abort();
      if (edge.receiver) edge.receiver->abort();
    }
  }

 private:
  Edge& edge_between(DeviceId from, DeviceId to, const NcclOptions& options) {
    const auto [place, is_new] = edges_.try_emplace({from, to});
    Edge& edge = place->second;
    if (!is_new) return edge;
    const int sender = options.gpus[index(from)];
    const int receiver = options.gpus[index(to)];
    ncclUniqueId id{};
    if (sender >= 0) {
      const ncclResult_t result = ncclGetUniqueId(&id);
      if (result != ncclSuccess) throw RunError(std::string("NCCL: ncclGetUniqueId: ") + ncclGetErrorString(result));
    }
    if (options.exchange_id && (sender < 0 || receiver < 0)) {
      options.exchange_id(from, to, std::as_writable_bytes(std::span(id.internal)));
    }
    if (sender >= 0) edge.sender = std::make_unique<Communicator>(sender, 0, id);
    if (receiver >= 0) edge.receiver = std::make_unique<Communicator>(receiver, 1, id);
    return edge;
  }

  // The first asynchronous failure ends everything; it is told by whichever device asks first.
  void watch() {
    while (!leaving_) {
      std::this_thread::sleep_for(kWatchInterval);
      for (auto& [devices, edge] : edges_) {
        for (Communicator* end : {edge.sender.get(), edge.receiver.get()}) {
          if (end == nullptr || stop_) continue;
          std::string failure = end->failure();
          if (failure.empty()) continue;
          {
            const std::lock_guard lock(failure_mutex_);
            failure_ = std::move(failure);
          }
          abort();
        }
      }
    }
  }
  void check() {
    if (!stop_) return;
    std::string failure;
    {
      const std::lock_guard lock(failure_mutex_);
      failure = std::exchange(failure_, {});
    }
    if (!failure.empty()) throw RunError(failure);
    throw Aborted();
  }

  std::map<std::pair<DeviceId, DeviceId>, Edge> edges_;
  std::vector<Slot> slots_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> leaving_{false};
  std::mutex failure_mutex_;
  std::string failure_;
  std::thread watcher_;
};

}  // namespace

std::unique_ptr<Transport> make_nccl_transport(std::span<const Message> messages, std::span<Backend* const> backends,
                                               const NcclOptions& options) {
  return std::make_unique<NcclTransport>(messages, backends, options);
}

}  // namespace mp::runtime
