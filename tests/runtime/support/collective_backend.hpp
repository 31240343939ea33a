// A CPU backend whose devices sum in collectives, as NCCL's do: the last that starts one does the work of all.
#pragma once

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "lib/program/collective_pieces.hpp"
#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime::test {

// Sums in the order of the members: the bits of the messages that a collective stands for.
class CollectiveTransport final : public Transport {
 public:
  CollectiveTransport(const Program& program, std::unique_ptr<Transport> messages)
      : program_(program), messages_(std::move(messages)), states_(program.collectives.size()) {
    for (std::size_t c = 0; c < states_.size(); ++c) {
      states_[c].from.resize(program.collectives[c].members.size());
      states_[c].to.resize(program.collectives[c].members.size());
    }
  }

  void send(std::int32_t message, const void* data) override { messages_->send(message, data); }
  void wait_send(std::int32_t message) override { messages_->wait_send(message); }
  void receive(std::int32_t message, void* data) override { messages_->receive(message, data); }
  void start_collective(std::int32_t id, DeviceId device, std::span<const void* const> from,
                        std::span<void* const> to) override {
    const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
    State& state = states_[static_cast<std::size_t>(id)];
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < collective.members.size(); ++i) {
      if (collective.members[i] != device) continue;
      state.from[i].assign(from.begin(), from.end());
      state.to[i].assign(to.begin(), to.end());
    }
    if (++state.started < collective.members.size()) return;
    do_all(collective, state);
    state.left = std::exchange(state.started, 0);
    changed_.notify_all();
  }
  void finish_collective(std::int32_t id, DeviceId /*device*/) override {
    State& state = states_[static_cast<std::size_t>(id)];
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return state.left > 0 || aborted_; });
    if (aborted_) throw Aborted();
    --state.left;
  }
  void abort() noexcept override {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    changed_.notify_all();
    messages_->abort();
  }

 private:
  struct State {
    std::vector<std::vector<const void*>> from;  // by member
    std::vector<std::vector<void*>> to;
    std::size_t started = 0;
    std::size_t left = 0;  // who have not finished it
  };

  static void do_all(const Collective& collective, const State& state) {
    const std::vector<CollectivePiece> pieces = pieces_of(collective);
    std::vector<std::vector<float>> wholes(pieces.size());
    for (std::size_t i = 0; i < collective.members.size(); ++i) {
      for (const PieceOperand& piece : inputs_of(collective, collective.members[i])) {
        const auto* values = static_cast<const float*>(state.from[i][piece.first]);
        add(values, static_cast<std::size_t>(piece.size_bytes) / sizeof(float), wholes[piece.piece]);
      }
    }
    for (std::size_t i = 0; i < collective.members.size(); ++i) {
      for (const PieceOperand& piece : outputs_of(collective, collective.members[i])) {
        const std::vector<float>& whole = wholes[piece.piece];
        std::memcpy(state.to[i][piece.first], whole.data(), whole.size() * sizeof(float));
      }
    }
  }

  static void add(const float* values, std::size_t count, std::vector<float>& sum) {
    if (sum.empty()) {
      sum.assign(values, values + count);
      return;
    }
    for (std::size_t e = 0; e < count; ++e) sum[e] += values[e];
  }

  const Program& program_;
  std::unique_ptr<Transport> messages_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  bool aborted_ = false;
};

class CollectiveBackend final : public Backend {
 public:
  explicit CollectiveBackend(std::unique_ptr<Backend> cpu) : cpu_(std::move(cpu)) {}
  [[nodiscard]] std::string_view name() const override { return cpu_->name(); }
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override { return cpu_->allocate(size_bytes); }
  void prepare(const Graph& graph) override { cpu_->prepare(graph); }
  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    return cpu_->make_kernel(graph, node);
  }
  void copy_from_host(void* device, const void* host, std::int64_t size_bytes) override {
    cpu_->copy_from_host(device, host, size_bytes);
  }
  void copy_to_host(void* host, const void* device, std::int64_t size_bytes) override {
    cpu_->copy_to_host(host, device, size_bytes);
  }
  void copy(void* to, const void* from, std::int64_t size_bytes) override { cpu_->copy(to, from, size_bytes); }
  void accumulate(float* sum, const float* addend, std::int64_t elements) override {
    cpu_->accumulate(sum, addend, elements);
  }
  void synchronize() override { cpu_->synchronize(); }
  [[nodiscard]] std::unique_ptr<Transport> make_transport(const Program& program, std::span<Backend* const> backends,
                                                          RankGroup* ranks) override {
    return std::make_unique<CollectiveTransport>(program, Backend::make_transport(program, backends, ranks));
  }

 private:
  std::unique_ptr<Backend> cpu_;
};

}  // namespace mp::runtime::test
