// Connections between the members of a communicator and its hub, in one process or several, by unix sockets whose names
// are no files: they are gone with their process, however it ends. One thread of a process serves all that it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/emulation/nccl_transfer.hpp"

namespace mp::emulation {

enum class FrameKind : std::uint8_t {
  // Of a member.
  kJoin,
  kCall,    // of a transfer
  kArrive,  // its stream has come to it; with what it gives
  kFinalize,
  kLeave,  // it is destroyed or aborted
  // Of the hub.
  kReady,      // all have joined
  kFail,       // with `result`
  kCalled,     // all have called it
  kDemand,     // somebody's stream waits in it
  kDone,       // with what the member gets
  kFinalized,  // all are
};

// Sent as bytes.
struct FrameHead {
  FrameKind kind = FrameKind::kJoin;
  bool may_share_gpu = false;  // kJoin
  ncclResult_t result = ncclSuccess;
  // kJoin
  int rank = 0;
  int size = 0;
  int device = 0;
  int version = 0;
  MeetingKey key = {};
  NcclTransfer transfer = {};  // kCall; `result`: it never ends
  std::uint64_t data_bytes = 0;
};

struct Frame {
  FrameHead head;
  std::vector<std::byte> data;
};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  const int number_;
};

// Something with a descriptor that the process's thread looks after.
class Source {
 public:
  explicit Source(int descriptor) : descriptor_(descriptor) {}
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  // By the thread, when there is something to be done; false: it is done with.
  [[nodiscard]] virtual bool serve() = 0;
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }

 private:
  Descriptor descriptor_;
};

class Link;

// Whoever has an end of a connection. Called by the process's thread alone.
class LinkUser {
 public:
  virtual ~LinkUser() = default;
  virtual void take(Link& link, Frame frame) = 0;
  virtual void lost(Link& link) = 0;  // the other end is closed, or this one
};

class Link final : public Source {
 public:
  Link(int descriptor, std::shared_ptr<LinkUser> user) : Source(descriptor), user_(std::move(user)) {}

  // Never waits: what does not fit into the socket now is sent by and by.
  void send(FrameHead head, std::span<const std::byte> data = {});
  void close();
  bool serve() override;

 private:
  [[nodiscard]] bool flush();    // false: cut
  [[nodiscard]] bool receive();  // likewise

  const std::shared_ptr<LinkUser> user_;
  Frame incoming_;
  std::size_t received_ = 0;  // bytes of it
  std::mutex mutex_;          // of all below
  std::vector<std::byte> unsent_;
  std::size_t sent_ = 0;  // bytes of it
};

class LinkThread {
 public:
  [[nodiscard]] static LinkThread& of_process();
  ~LinkThread();
  LinkThread(const LinkThread&) = delete;
  LinkThread& operator=(const LinkThread&) = delete;

  void add(const std::shared_ptr<Source>& source);
  // Of a source that has, or has no longer, something to be sent.
  void watch(const Source& source, bool for_writing);

 private:
  LinkThread();
  void run();

  Descriptor poll_;
  Descriptor end_;
  std::mutex mutex_;
  std::map<int, std::shared_ptr<Source>> sources_;  // by descriptor
  std::thread thread_;
};

// Throw std::system_error. Null: nobody listens under that name any more.
[[nodiscard]] int listen_as(const std::string& name);
[[nodiscard]] std::shared_ptr<Link> connect_to(const std::string& name, std::shared_ptr<LinkUser> user);

}  // namespace mp::emulation
