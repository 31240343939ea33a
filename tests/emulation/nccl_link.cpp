#include "tests/emulation/nccl_link.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "lib/base/thread_name.hpp"

namespace mp::emulation {
namespace {

static_assert(std::is_trivially_copyable_v<FrameHead>);

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

bool would_block(ssize_t count) { return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK); }

// The first byte of a name that is no file is 0.
socklen_t set_address(sockaddr_un& address, const std::string& name) {
  address.sun_family = AF_UNIX;
  if (name.size() + 1 > sizeof address.sun_path) throw std::invalid_argument("a name of a socket is too long");
  name.copy(&address.sun_path[1], name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

}  // namespace

Descriptor::~Descriptor() { ::close(number_); }

void Link::send(FrameHead head, std::span<const std::byte> data) {
  head.data_bytes = data.size();
  const auto bytes = std::as_bytes(std::span(&head, 1));
  const std::lock_guard lock(mutex_);
  const bool was_empty = unsent_.empty();
  unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
  unsent_.insert(unsent_.end(), data.begin(), data.end());
  if (was_empty && flush() && !unsent_.empty()) LinkThread::of_process().watch(*this, true);
}

bool Link::flush() {
  while (sent_ < unsent_.size()) {
    const ssize_t count =
        ::send(descriptor(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (would_block(count)) return true;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      unsent_.clear();  // nobody takes it any more
      sent_ = 0;
      return false;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  unsent_.clear();
  sent_ = 0;
  return true;
}

void Link::close() { static_cast<void>(shutdown(descriptor(), SHUT_RDWR)); }  // the thread hears of it

bool Link::receive() {
  while (true) {
    const std::size_t head_left = sizeof(FrameHead) - std::min(received_, sizeof(FrameHead));
    std::byte* const target = head_left > 0 ? reinterpret_cast<std::byte*>(&incoming_.head) + received_
                                            : incoming_.data.data() + (received_ - sizeof(FrameHead));
    const std::size_t left = head_left > 0 ? head_left : sizeof(FrameHead) + incoming_.data.size() - received_;
    if (left > 0) {
      const ssize_t count = recv(descriptor(), target, left, MSG_DONTWAIT);
      if (would_block(count)) return true;
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      received_ += static_cast<std::size_t>(count);
      if (received_ == sizeof(FrameHead)) incoming_.data.resize(incoming_.head.data_bytes);
    }
    if (received_ < sizeof(FrameHead) + incoming_.data.size() || received_ < sizeof(FrameHead)) continue;
    received_ = 0;
    user_->take(*this, std::exchange(incoming_, {}));
  }
}

bool Link::serve() {
  if (!receive()) {
    user_->lost(*this);
    return false;
  }
  const std::lock_guard lock(mutex_);
  if (unsent_.empty()) return true;
  if (flush() && unsent_.empty()) LinkThread::of_process().watch(*this, false);
  return true;
}

LinkThread& LinkThread::of_process() {
  static LinkThread one;
  return one;
}

LinkThread::LinkThread()
    : poll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), end_(checked(eventfd(0, EFD_CLOEXEC), "eventfd")) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = end_.number()}};
  checked(epoll_ctl(poll_.number(), EPOLL_CTL_ADD, end_.number(), &event), "epoll_ctl");
  thread_ = std::thread([this] {
    name_this_thread("emulated NCCL");
    run();
  });
}

LinkThread::~LinkThread() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(end_.number(), &one, sizeof one));
  thread_.join();
}

void LinkThread::add(const std::shared_ptr<Source>& source) {
  {
    const std::lock_guard lock(mutex_);
    sources_[source->descriptor()] = source;
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = source->descriptor()}};
  checked(epoll_ctl(poll_.number(), EPOLL_CTL_ADD, source->descriptor(), &event), "epoll_ctl");
}

void LinkThread::watch(const Source& source, bool for_writing) {
  const std::uint32_t events = for_writing ? EPOLLIN | EPOLLOUT : EPOLLIN;
  epoll_event event{.events = events, .data = {.fd = source.descriptor()}};
  static_cast<void>(epoll_ctl(poll_.number(), EPOLL_CTL_MOD, source.descriptor(), &event));  // it may be gone by now
}

void LinkThread::run() {
  while (true) {
    std::array<epoll_event, 16> events{};
    const int count = epoll_wait(poll_.number(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      if (descriptor == end_.number()) return;
      std::unique_lock lock(mutex_);
      const auto found = sources_.find(descriptor);
      if (found == sources_.end()) continue;
      const std::shared_ptr<Source> source = found->second;
      lock.unlock();
      if (source->serve()) continue;
      static_cast<void>(epoll_ctl(poll_.number(), EPOLL_CTL_DEL, descriptor, nullptr));
      lock.lock();
      sources_.erase(descriptor);
    }
  }
}

int listen_as(const std::string& name) {
  sockaddr_un address{};
  const socklen_t size = set_address(address, name);
  const int descriptor = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
  checked(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  checked(listen(descriptor, SOMAXCONN), "listen");
  return descriptor;
}

std::shared_ptr<Link> connect_to(const std::string& name, std::shared_ptr<LinkUser> user) {
  sockaddr_un address{};
  const socklen_t size = set_address(address, name);
  const int descriptor = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  auto link = std::make_shared<Link>(descriptor, std::move(user));
  int result = 0;
  do {
    result = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), size);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return nullptr;
  LinkThread::of_process().add(link);
  return link;
}

}  // namespace mp::emulation
