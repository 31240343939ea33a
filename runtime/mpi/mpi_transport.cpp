#include "runtime/mpi/mpi_transport.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "lib/base/error.hpp"
#include "lib/base/thread_name.hpp"
#include "runtime/mpi/check.hpp"

namespace mp::runtime {
namespace {

constexpr std::int64_t kPartBytes = std::int64_t{1} << 30;  // a count of MPI is an int

void check_tags(std::size_t messages) {
  void* value = nullptr;
  int is_set = 0;
  MP_MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &is_set));
  constexpr int kGuaranteed = 32767;
  const int largest = is_set != 0 ? *static_cast<int*>(value) : kGuaranteed;
  if (messages > static_cast<std::size_t>(largest)) {
    throw RunError(
        fmt::format("a step has {} messages, but this MPI has tags up to {}: fewer microbatches need fewer, "
                    "or use --transport tcp",
                    messages, largest));
  }
}

}  // namespace

MpiTransport::MpiTransport(RankGroup& ranks, std::span<const Message> messages)
    : ranks_(ranks), slots_(messages.size()) {
  check_tags(messages.size());
  std::size_t parts = 0;
  for (std::size_t m = 0; m < messages.size(); ++m) {
    const int from = ranks.rank_of(messages[m].from);
    const int to = ranks.rank_of(messages[m].to);
    if (from == to || (from != ranks.rank() && to != ranks.rank())) continue;
    Slot& slot = slots_[m];
    slot.size_bytes = messages[m].size_bytes;
    slot.is_send = from == ranks.rank();
    slot.peer = slot.is_send ? to : from;
    parts += static_cast<std::size_t>(slot.size_bytes / kPartBytes + 1);
  }
  requests_.reserve(parts);
  messages_.reserve(parts);
  completed_.resize(parts);
  posted_.reserve(messages.size());
  MP_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_));
  MP_MPI(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN));
  thread_ = std::thread([this] {
    name_this_thread("mpi");
    communicate();
  });
}

MpiTransport::~MpiTransport() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (!aborted_) MPI_Comm_free(&communicator_);  // after a failure the others may not come to it
}

void MpiTransport::post(std::int32_t message, void* data) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  slot.data = data;
  State seen = State::kIdle;
  if (!slot.state.compare_exchange_strong(seen, State::kPosted)) throw Aborted();
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(message);
  }
  changed_.notify_one();
}

void MpiTransport::wait(std::int32_t message) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  for (State seen = slot.state; seen != State::kDone; seen = slot.state) {
    if (seen == State::kAborted) throw Aborted();
    slot.state.wait(seen);
  }
  State seen = State::kDone;
  if (!slot.state.compare_exchange_strong(seen, State::kIdle)) throw Aborted();
}

void MpiTransport::send(std::int32_t message, const void* data) { post(message, const_cast<void*>(data)); }

void MpiTransport::wait_send(std::int32_t message) { wait(message); }

void MpiTransport::receive(std::int32_t message, void* data) {
  post(message, data);
  wait(message);
}

// Asks eagerly for a while after something happened, then now and then: an answer is a little late rather than a core
// taken from those that compute.
void MpiTransport::communicate() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kEager = std::chrono::microseconds(200);
  constexpr auto kPause = std::chrono::microseconds(50);
  std::vector<std::int32_t> batch;
  batch.reserve(slots_.size());
  Clock::time_point last = Clock::now();
  try {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        if (requests_.empty()) changed_.wait(lock, [this] { return quit_ || aborted_ || !posted_.empty(); });
        if (aborted_ || (posted_.empty() && requests_.empty())) return;
        batch.swap(posted_);
      }
      for (const std::int32_t message : batch) start(message);
      const bool progressed = finish_some() || !batch.empty();
      batch.clear();
      const Clock::time_point now = Clock::now();
      if (progressed) last = now;
      if (now - last < kEager) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(kPause);
      }
    }
  } catch (const Error& error) {  // ends all waits of this process, too
    if (!aborted_) ranks_.broke(error.what());
  }
}

void MpiTransport::start(std::int32_t message) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  auto* data = static_cast<std::byte*>(slot.data);
  for (std::int64_t left = slot.size_bytes; left > 0 || slot.parts_left == 0; left -= kPartBytes) {
    const int count = static_cast<int>(std::min(left, kPartBytes));
    MPI_Request request = MPI_REQUEST_NULL;
    if (slot.is_send) {
      MP_MPI(MPI_Isend(data, count, MPI_BYTE, slot.peer, message, communicator_, &request));
    } else {
      MP_MPI(MPI_Irecv(data, count, MPI_BYTE, slot.peer, message, communicator_, &request));
    }
    requests_.push_back(request);
    messages_.push_back(message);
    ++slot.parts_left;
    data += count;
  }
}

bool MpiTransport::finish_some() {
  int count = 0;
  MP_MPI(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, completed_.data(),
                      MPI_STATUSES_IGNORE));
  if (count <= 0) return false;
  for (int i = 0; i < count; ++i) {
    const auto done = static_cast<std::size_t>(completed_[static_cast<std::size_t>(i)]);
    Slot& slot = slots_[static_cast<std::size_t>(messages_[done])];
    messages_[done] = -1;
    if (--slot.parts_left > 0) continue;
    State seen = State::kPosted;
    if (slot.state.compare_exchange_strong(seen, State::kDone)) slot.state.notify_all();
  }
  std::erase_if(requests_, [](MPI_Request request) { return request == MPI_REQUEST_NULL; });
  std::erase(messages_, -1);
  return true;
}

void MpiTransport::abort() noexcept {
  aborted_ = true;
  for (Slot& slot : slots_) {
    slot.state = State::kAborted;
    slot.state.notify_all();
  }
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

}  // namespace mp::runtime
