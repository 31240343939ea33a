#include "runtime/nccl/nccl_transport.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/nccl/cliques.hpp"

namespace mp::runtime {
namespace {

using nccl::Call;
using nccl::Communicator;

constexpr std::chrono::milliseconds kWatchInterval{100};

cudaEvent_t event_of(const std::unique_ptr<Mark>& mark) { return dynamic_cast<cuda::Event&>(*mark).get(); }

// A device's part of a transfer: its stream and the communicator's wait for each other by two marks.
struct End {
  Communicator* communicator = nullptr;  // null: another process's
  Backend* backend = nullptr;
  std::unique_ptr<Mark> ready;  // of the device's stream: what is sent is there, what is written over is done with
  std::unique_ptr<Mark> done;   // of the communicator's stream
  nccl::Transfer transfer;

  void start(const std::atomic<bool>& stop) {
    backend->record(ready.get());
    MP_CUDA(cudaStreamWaitEvent(communicator->stream(), event_of(ready), 0));
    communicator->run(transfer, stop);
    MP_CUDA(cudaEventRecord(event_of(done), communicator->stream()));
  }
  void finish() const { backend->wait_for(done.get()); }
};

// Ends the waits of this process when another rank fails.
class FailureListener {
 public:
  FailureListener(RankGroup* ranks, std::function<void()> end_waits) : ranks_(ranks) {
    if (ranks_ != nullptr) id_ = ranks_->on_failure(std::move(end_waits));
  }
  ~FailureListener() {
    if (ranks_ != nullptr) ranks_->forget(id_);
  }
  FailureListener(const FailureListener&) = delete;
  FailureListener& operator=(const FailureListener&) = delete;

 private:
  RankGroup* ranks_;
  int id_ = 0;
};

class NcclTransport final : public Transport {
 public:
  NcclTransport(const Program& program, std::span<Backend* const> backends, const NcclOptions& options)
      : program_(program),
        ranks_(options.ranks),
        cliques_(program, options.gpus, options.ranks),
        listener_(options.ranks, [this] { abort(); }) {
    cliques_.connect(stop_);
    for (const Message& message : program.messages) {
      const nccl::CliqueName name = nccl::clique_of(message);
      senders_.push_back(end_of(name, message.from, backends, {.call = Call::kSend, .peer = 1}, message.size_bytes));
      receivers_.push_back(end_of(name, message.to, backends, {.call = Call::kReceive, .peer = 0}, message.size_bytes));
    }
    for (const Collective& collective : program.collectives) {
      std::vector<End>& ends = members_.emplace_back();
      for (const DeviceId d : collective.members) {
        ends.push_back(
            end_of(nccl::clique_of(collective), d, backends, transfer_of(collective), collective.size_bytes));
      }
    }
    watcher_ = std::jthread([this](const std::stop_token& leave) { watch(leave); });
  }

  ~NcclTransport() override {
    watcher_ = {};
    // Whoever leaves by an exception leaves the others waiting.
    if (!stop_ && std::uncaught_exceptions() == 0) cliques_.close(stop_);
  }

  void send(std::int32_t message, const void* data) override {
    End& end = senders_[static_cast<std::size_t>(message)];
    end.transfer.from = data;
    start(end);
  }
  void wait_send(std::int32_t message) override { finish(senders_[static_cast<std::size_t>(message)]); }
  void receive(std::int32_t message, void* data) override {
    End& end = receivers_[static_cast<std::size_t>(message)];
    end.transfer.to = data;
    start(end);
    finish(end);
  }
  void start_collective(std::int32_t collective, DeviceId device, const void* from, void* to) override {
    End& end = end_at(collective, device);
    const bool is_broadcast = end.transfer.call == Call::kBroadcast;  // in place at both ends
    end.transfer.from = is_broadcast && from == nullptr ? to : from;
    end.transfer.to = is_broadcast && to == nullptr ? const_cast<void*>(from) : to;
    start(end);
  }
  void finish_collective(std::int32_t collective, DeviceId device) override { finish(end_at(collective, device)); }

  void check() override {
    if (!stop_) return;
    std::string failure;
    {
      const std::lock_guard lock(mutex_);
      failure = failure_;
    }
    if (!failure.empty()) give_up(failure);
    throw Aborted();
  }
  // The watcher does it: to abort a communicator can take its time.
  void abort() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
  }

 private:
  End end_of(const nccl::CliqueName& name, DeviceId device, std::span<Backend* const> backends, nccl::Transfer transfer,
             std::int64_t size_bytes) {
    End end;
    end.communicator = cliques_.end(name, device);
    end.backend = backends[index(device)];
    end.transfer = transfer;
    end.transfer.size_bytes = size_bytes;
    if (end.backend == nullptr) return end;
    end.ready = end.backend->make_mark();
    end.done = end.backend->make_mark();
    return end;
  }
  static nccl::Transfer transfer_of(const Collective& collective) {
    const auto root = std::find(collective.members.begin(), collective.members.end(), collective.root);
    const auto rank = static_cast<int>(root - collective.members.begin());
    switch (collective.kind) {
      case CollectiveKind::kAllReduce:
        return {.call = Call::kAllReduce};
      case CollectiveKind::kReduce:
        return {.call = Call::kReduce, .peer = rank};
      case CollectiveKind::kBroadcast:
        return {.call = Call::kBroadcast, .peer = rank};
    }
    return {};
  }
  [[nodiscard]] End& end_at(std::int32_t collective, DeviceId device) {
    const std::vector<DeviceId>& members = program_.collectives[static_cast<std::size_t>(collective)].members;
    const auto place = std::find(members.begin(), members.end(), device) - members.begin();
    return members_[static_cast<std::size_t>(collective)][static_cast<std::size_t>(place)];
  }

  void start(End& end) {
    check();
    try {
      end.start(stop_);
    } catch (const RunError& error) {
      check();  // of several failures, the first
      give_up(error.what());
    }
  }
  void finish(const End& end) {
    check();
    end.finish();
  }
  // Among ranks, the failure of another one is likely behind it.
  [[noreturn]] void give_up(const std::string& failure) {
    if (ranks_ == nullptr) throw RunError(failure);
    ranks_->broke(failure);
    throw Aborted();
  }

  // The first failure behind the calls ends everything; every device that asks is told it.
  void watch(const std::stop_token& leave) {
    std::unique_lock lock(mutex_);
    while (!leave.stop_requested()) {
      changed_.wait_for(lock, leave, kWatchInterval, [this] { return stop_.load(); });
      if (leave.stop_requested()) return;
      const bool stops = stop_;
      lock.unlock();
      std::string failure = stops ? std::string() : cliques_.failure();
      lock.lock();
      if (!failure.empty() && !stop_) {
        failure_ = std::move(failure);
        stop_ = true;
      }
      if (!stop_) continue;
      lock.unlock();
      cliques_.abort();
      return;
    }
  }

  const Program& program_;
  RankGroup* ranks_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string failure_;
  nccl::Cliques cliques_;
  std::vector<End> senders_;               // beside the messages
  std::vector<End> receivers_;             // beside the messages
  std::vector<std::vector<End>> members_;  // beside the collectives, beside their members
  FailureListener listener_;
  std::jthread watcher_;  // last: uses all of the above
};

}  // namespace

std::unique_ptr<Transport> make_nccl_transport(const Program& program, std::span<Backend* const> backends,
                                               const NcclOptions& options) {
  return std::make_unique<NcclTransport>(program, backends, options);
}

}  // namespace mp::runtime
