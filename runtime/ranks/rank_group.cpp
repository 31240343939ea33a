#include "runtime/ranks/rank_group.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::runtime {

DeviceShare share_of(int rank, int ranks, std::size_t devices) {
  const auto r = static_cast<std::size_t>(rank);
  const auto n = static_cast<std::size_t>(ranks);
  const auto start = [&](std::size_t k) { return devices / n * k + std::min(k, devices % n); };
  return {.first = start(r), .last = start(r + 1)};
}

RankGroup::RankGroup(RankGroupOptions options)
    : rank_(options.place.rank), make_transport_(std::move(options.make_transport)) {
  Meeting meeting = meet(options.place);
  places_ = std::move(meeting.places);
  data_ = std::move(meeting.data);
  watch_ = std::make_unique<Watch>(WatchOptions{.rank = rank_,
                                                .names = names(),
                                                .silence = options.silence,
                                                .tell =
                                                    [this, tell = std::move(options.tell)](const Failure& failure) {
                                                      const bool speaks =
                                                          rank_ == 0 || failure.rank == rank_ || speaks_without_first();
                                                      if (speaks && tell) tell(failure);
                                                    },
                                                .stop = [this](const Failure&) { end_waits(); },
                                                .last_resort = std::move(options.last_resort)},
                                   std::move(meeting.control));
}

RankGroup::~RankGroup() = default;

// When rank 0 is gone. A host that is down takes its ranks along: the first rank elsewhere speaks; where all are on one
// host, rank 1.
bool RankGroup::speaks_without_first() const {
  int speaker = 1;
  for (int r = 1; r < size(); ++r) {
    if (place(r).address == place(0).address || place(r).host == place(0).host) continue;
    speaker = r;
    break;
  }
  return rank_ == speaker;
}

std::string RankGroup::name(int rank) const {
  std::string text = fmt::format("rank {} (host {}", rank, place(rank).host);
  if (devices_ > 0) {
    const DeviceShare share = share_of(rank, size(), devices_);
    text += share.last - share.first == 1 ? fmt::format(", device {}", share.first)
                                          : fmt::format(", devices {}-{}", share.first, share.last - 1);
  }
  return text + ")";
}

std::vector<std::string> RankGroup::names() const {
  std::vector<std::string> names;
  for (int r = 0; r < size(); ++r) names.push_back(name(r));
  return names;
}

void RankGroup::share_devices(std::size_t devices) {
  if (devices < static_cast<std::size_t>(size())) {
    throw UsageError(
        fmt::format("there are {} ranks for a plan of {} device{}: every rank needs one; start at most {} "
                    "(mpirun -n {}), or plan for {} devices (mpplan partition --devices {})",
                    size(), devices, devices == 1 ? "" : "s", devices, devices, size(), size()));
  }
  devices_ = devices;
  watch_->rename(names());
}

int RankGroup::rank_of(DeviceId device) const {
  for (int r = 0; r < size(); ++r) {
    if (index(device) < share_of(r, size(), devices_).last) return r;
  }
  MP_CHECK(false);
}

std::unique_ptr<Transport> RankGroup::make_transport(std::span<const Message> messages) {
  return make_transport_(*this, messages);
}

void RankGroup::send(int to, std::span<const std::byte> data) {
  if (!data_[static_cast<std::size_t>(to)].write(data)) lost(to, std::strerror(errno));
}

void RankGroup::receive(int from, std::span<std::byte> data) {
  is_in_collective_.store(true, std::memory_order_relaxed);
  const bool is_there = data_[static_cast<std::size_t>(from)].read(data);
  is_in_collective_.store(false, std::memory_order_relaxed);
  if (!is_there) lost(from, errno == 0 ? "it was closed" : std::strerror(errno));
}

void RankGroup::broke(const std::string& what) {
  constexpr int kRunFailed = 5;
  if (!watch_->await_failure()) fail(kRunFailed, what);
}

void RankGroup::lost(int peer, const std::string& what) {
  broke(fmt::format("the connection to {} broke: {}", name(peer), what));
  throw Aborted();
}

void RankGroup::broadcast(int root, std::span<std::byte> data) {
  move_to_first(root, data);
  if (rank_ == 0) {
    for (int r = 1; r < size(); ++r) {
      if (r != root) send(r, data);
    }
  } else if (rank_ != root) {
    receive(0, data);
  }
}

void RankGroup::send_to_all(std::span<const std::byte> data) {
  MP_CHECK(rank_ == 0);
  for (int r = 1; r < size(); ++r) send(r, data);
}

void RankGroup::move_to_first(int from, std::span<std::byte> data) {
  if (from == 0) return;
  if (rank_ == 0) receive(from, data);
  if (rank_ == from) send(0, data);
}

void RankGroup::move_from_first(int to, std::span<std::byte> data) {
  if (to == 0) return;
  if (rank_ == 0) send(to, data);
  if (rank_ == to) receive(0, data);
}

std::vector<std::string> RankGroup::gather(const std::string& own) {
  std::uint64_t size_bytes = own.size();
  if (rank_ != 0) {
    send(0, std::as_bytes(std::span(&size_bytes, 1)));
    send(0, std::as_bytes(std::span(own)));
    return {};
  }
  std::vector<std::string> texts{own};
  for (int r = 1; r < size(); ++r) {
    receive(r, std::as_writable_bytes(std::span(&size_bytes, 1)));
    texts.emplace_back(static_cast<std::size_t>(size_bytes), ' ');
    receive(r, std::as_writable_bytes(std::span(texts.back())));
  }
  return texts;
}

std::string RankGroup::broadcast_text(std::string first) {
  std::uint64_t size_bytes = first.size();
  broadcast(0, std::as_writable_bytes(std::span(&size_bytes, 1)));
  first.resize(static_cast<std::size_t>(size_bytes));
  broadcast(0, std::as_writable_bytes(std::span(first)));
  return first;
}

bool RankGroup::any(bool own) {
  std::byte value{own ? std::uint8_t{1} : std::uint8_t{0}};
  if (rank_ != 0) {
    send(0, std::span(&value, 1));
  } else {
    for (int r = 1; r < size(); ++r) {
      std::byte other{};
      receive(r, std::span(&other, 1));
      value |= other;
    }
  }
  broadcast(0, std::span(&value, 1));
  return value != std::byte{0};
}

void RankGroup::fail(int exit_code, const std::string& text, Whose whose) {
  watch_->report(
      {.rank = rank_, .exit_code = exit_code, .text = whose == Whose::kEverybodys ? text : name(rank_) + ": " + text});
}

void RankGroup::end_waits() {
  const std::lock_guard lock(mutex_);
  has_failed_ = true;
  for (Socket& socket : data_) socket.shut_down();
  for (const auto& [id, listener] : listeners_) listener();
}

int RankGroup::on_failure(std::function<void()> end_waits) {
  const std::lock_guard lock(mutex_);
  if (has_failed_) end_waits();
  listeners_.emplace(next_listener_, std::move(end_waits));
  return next_listener_++;
}

void RankGroup::forget(int listener) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(listener);
}

void RankGroup::leave() {
  static_cast<void>(any(false));  // a barrier
  watch_->leave();
}

}  // namespace mp::runtime
