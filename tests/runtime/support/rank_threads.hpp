// Several ranks in the threads of one process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/ranks/rank_group.hpp"
#include "runtime/tcp/tcp_transport.hpp"

namespace mp::runtime::test {

struct RankThreadOptions {
  int ranks = 2;
  std::chrono::milliseconds silence{8000};
  std::function<void(const Failure&)> tell = {};
};

// Runs `body` on every rank, which ends without leaving where it throws.
inline void on_rank_threads(const RankThreadOptions& options, const std::function<void(RankGroup&)>& body) {
  const Socket listener = listen_on(0);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < options.ranks; ++rank) {
    threads.emplace_back([&, rank] {
      RankGroupOptions group;
      group.place = {.rank = rank,
                     .size = options.ranks,
                     .addresses = {"127.0.0.1"},
                     .port = port_of(listener),
                     .token = 7,
                     .listener = rank == 0 ? &listener : nullptr};
      group.make_transport = [](RankGroup& ranks, std::span<const Message> messages) {
        return std::make_unique<TcpTransport>(ranks, messages);
      };
      group.silence = options.silence;
      group.tell = options.tell;
      RankGroup ranks(std::move(group));
      try {
        body(ranks);
        ranks.leave();
      } catch (const Aborted&) {
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace mp::runtime::test
