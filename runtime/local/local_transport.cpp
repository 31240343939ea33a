#include "runtime/local/local_transport.hpp"

#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

// Tells the core that its thread only watches.
void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

LocalTransport::LocalTransport(std::span<const Message> messages, std::span<Backend* const> backends,
                               std::chrono::microseconds patience)
    : slots_(messages.size()), patience_(patience) {
  for (std::size_t m = 0; m < messages.size(); ++m) {
    slots_[m].size_bytes = messages[m].size_bytes;
    slots_[m].sender = backends[index(messages[m].from)];
    slots_[m].receiver = backends[index(messages[m].to)];
    // Of ranks, devices of other processes have no backend here, and no message of theirs comes this way.
    if (slots_[m].sender != nullptr) slots_[m].made = slots_[m].sender->make_mark();
    if (slots_[m].receiver != nullptr) slots_[m].copied = slots_[m].receiver->make_mark();
  }
}

// Fails only against an abort, which must not be overwritten.
void LocalTransport::change(Slot& slot, State from, State to) {
  State seen = from;
  if (!slot.state.compare_exchange_strong(seen, to, std::memory_order_acq_rel)) {
    MP_CHECK(seen == State::kAborted);
    throw Aborted();
  }
  slot.state.notify_all();
}

// False: it has not come within the patience.
bool LocalTransport::watch_for(const Slot& slot, State wanted) const {
  if (patience_.count() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + patience_;
  do {
    for (int looks = 0; looks < 16; ++looks) {
      if (slot.state.load(std::memory_order_relaxed) == wanted) return true;
      pause_core();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

void LocalTransport::wait_for(Slot& slot, State wanted) const {
  if (slot.state.load(std::memory_order_acquire) != wanted) static_cast<void>(watch_for(slot, wanted));
  for (State seen = slot.state.load(std::memory_order_acquire); seen != wanted;
       seen = slot.state.load(std::memory_order_acquire)) {
    if (seen == State::kAborted) throw Aborted();
    slot.state.wait(seen, std::memory_order_acquire);
  }
}

void LocalTransport::send(std::int32_t message, const void* data) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  slot.sender->record(slot.made.get());
  slot.data = data;
  change(slot, State::kEmpty, State::kPosted);
}

void LocalTransport::wait_send(std::int32_t message) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  wait_for(slot, State::kTaken);
  slot.sender->wait_for(slot.copied.get());  // the buffer may be written again
  change(slot, State::kTaken, State::kEmpty);
}

void LocalTransport::receive(std::int32_t message, void* data) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  wait_for(slot, State::kPosted);
  slot.receiver->wait_for(slot.made.get());
  slot.receiver->copy(data, slot.data, slot.size_bytes);
  slot.receiver->record(slot.copied.get());
  change(slot, State::kPosted, State::kTaken);
}

void LocalTransport::abort() noexcept {
  for (Slot& slot : slots_) {
    slot.state.store(State::kAborted, std::memory_order_release);
    slot.state.notify_all();
  }
}

}  // namespace mp::runtime
