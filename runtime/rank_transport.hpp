// Transport of one rank: messages between its own devices stay in the process, others go to the ranks concerned.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/local/local_transport.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

class RankTransport final : public Transport {
 public:
  // `backends` by device, null where the device is another rank's. To be made on all ranks alike.
  RankTransport(RankGroup& ranks, std::span<const Message> messages, std::span<Backend* const> backends);
  ~RankTransport() override;

  void send(std::int32_t message, const void* data) override;
  void wait_send(std::int32_t message) override;
  void receive(std::int32_t message, void* data) override;
  void abort() noexcept override;

 private:
  struct Way {
    bool is_local = true;
    Backend* backend = nullptr;  // of the end that is here
    std::int64_t size_bytes = 0;
    std::vector<std::byte> staging;  // in host memory, where the device's memory is not
  };

  RankGroup& ranks_;
  LocalTransport local_;
  std::unique_ptr<Transport> remote_;
  std::vector<Way> ways_;  // by message
  int listener_ = 0;
};

}  // namespace mp::runtime
