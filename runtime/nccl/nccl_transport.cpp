#include "runtime/nccl/nccl_transport.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/program/collective_pieces.hpp"
#include "runtime/nccl/cliques.hpp"

namespace mp::runtime {
namespace {

using nccl::Call;
using nccl::Communicator;

constexpr std::chrono::milliseconds kWatchInterval{100};

cudaEvent_t event_of(const std::unique_ptr<Mark>& mark) { return dynamic_cast<cuda::Event&>(*mark).get(); }

// Where a piece of a collective begins among the operands of a member.
struct PieceEnds {
  std::optional<std::size_t> from;  // none: it does not give it
  std::optional<std::size_t> to;
};

// A device's part of a transfer: its stream and the communicator's wait for each other by two marks.
struct End {
  Communicator* communicator = nullptr;  // null: another process's
  Backend* backend = nullptr;
  std::unique_ptr<Mark> ready;  // of the device's stream: what is sent is there, what is written over is done with
  std::unique_ptr<Mark> done;   // of the communicator's stream
  // Of a collective one for each piece: owners hold whole tensors of all sizes, so that their shares are no equal parts
  // of one stretch of memory, as ncclReduceScatter and ncclAllGather ask for. A group of ncclReduce, or of
  // ncclBroadcast, moves the same bytes in one launch.
  std::vector<nccl::Transfer> transfers = {};
  std::vector<PieceEnds> operands = {};  // beside the transfers

  void start(const std::atomic<bool>& stop) {
    backend->record(ready.get());
    MP_CUDA(cudaStreamWaitEvent(communicator->stream(), event_of(ready), 0));
    communicator->run(transfers, stop);
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
    cliques_.connect({.stop = stop_, .patience = options.patience});
    for (const Message& message : program.messages) {
      const nccl::CliqueName name = nccl::clique_of(message);
      senders_.push_back(end_of(name, message.from, backends, {.call = Call::kSend, .peer = 1}, message.size_bytes));
      receivers_.push_back(end_of(name, message.to, backends, {.call = Call::kReceive, .peer = 0}, message.size_bytes));
    }
    for (const Collective& collective : program.collectives) {
      std::vector<End>& ends = members_.emplace_back();
      for (const DeviceId d : collective.members) ends.push_back(end_of(collective, d, backends));
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
    end.transfers.front().from = data;
    start(end);
  }
  void wait_send(std::int32_t message) override { finish(senders_[static_cast<std::size_t>(message)]); }
  void receive(std::int32_t message, void* data) override {
    End& end = receivers_[static_cast<std::size_t>(message)];
    end.transfers.front().to = data;
    start(end);
    finish(end);
  }
  [[nodiscard]] bool waits_in_calls() const override { return false; }
  void start_collective(std::int32_t collective, DeviceId device, std::span<const void* const> from,
                        std::span<void* const> to) override {
    End& end = end_at(collective, device);
    for (std::size_t i = 0; i < end.transfers.size(); ++i) {
      nccl::Transfer& transfer = end.transfers[i];
      const PieceEnds& operands = end.operands[i];
      transfer.from = operands.from ? from[*operands.from] : nullptr;
      transfer.to = operands.to ? to[*operands.to] : nullptr;
      if (transfer.call != Call::kBroadcast) continue;  // in place at both ends
      if (transfer.from == nullptr) transfer.from = transfer.to;
      if (transfer.to == nullptr) transfer.to = const_cast<void*>(transfer.from);
    }
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
    End end = end_in(name, device, backends);
    transfer.size_bytes = size_bytes;
    end.transfers = {transfer};
    return end;
  }
  End end_of(const Collective& collective, DeviceId device, std::span<Backend* const> backends) {
    End end = end_in(nccl::clique_of(collective), device, backends);
    for (const CollectivePiece& piece : pieces_of(collective)) {
      const auto root = std::find(collective.members.begin(), collective.members.end(), piece.root);
      end.transfers.push_back({.call = call_of(collective.kind), .size_bytes = piece.size_bytes});
      if (root == collective.members.end()) continue;  // an all-reduce
      end.transfers.back().peer = static_cast<int>(root - collective.members.begin());
    }
    end.operands.resize(end.transfers.size());
    for (const PieceOperand& piece : inputs_of(collective, device)) end.operands[piece.piece].from = piece.first;
    for (const PieceOperand& piece : outputs_of(collective, device)) end.operands[piece.piece].to = piece.first;
    return end;
  }
  End end_in(const nccl::CliqueName& name, DeviceId device, std::span<Backend* const> backends) {
    End end;
    end.communicator = cliques_.end(name, device);
    end.backend = backends[index(device)];
    if (end.backend == nullptr) return end;
    end.ready = end.backend->make_mark();
    end.done = end.backend->make_mark();
    return end;
  }
  static Call call_of(CollectiveKind kind) {
    if (kind == CollectiveKind::kAllReduce) return Call::kAllReduce;
    return is_sum(kind) ? Call::kReduce : Call::kBroadcast;
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
