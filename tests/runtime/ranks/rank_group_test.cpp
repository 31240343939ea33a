#include "runtime/ranks/rank_group.hpp"

#include <fmt/core.h>

#include <atomic>
#include <mutex>
#include <numeric>
#include <vector>

#include "lib/base/error.hpp"
#include "tests/runtime/support/rank_threads.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using runtime::test::on_rank_threads;

namespace {

// What was told, by whichever rank.
struct Told {
  std::mutex mutex;
  std::vector<Failure> failures;
  std::function<void(const Failure&)> tell() {
    return [this](const Failure& failure) {
      const std::lock_guard lock(mutex);
      failures.push_back(failure);
    };
  }
};

// Catch's macros are for one thread: ranks count what went right instead.
bool aborts(const std::function<void()>& call) {
  try {
    call();
  } catch (const Aborted&) {
    return true;
  }
  return false;
}

// One message a step from each device to the next, in a circle; a large one, so that it fills the system's buffers.
std::vector<Message> circle(std::size_t devices, std::int64_t size_bytes) {
  std::vector<Message> messages;
  for (std::size_t d = 0; d < devices; ++d) {
    messages.push_back(
        {.from = make_id<DeviceId>(d), .to = make_id<DeviceId>((d + 1) % devices), .size_bytes = size_bytes});
  }
  return messages;
}

}  // namespace

TEST_CASE("ranks broadcast, gather and agree") {
  std::atomic<int> right{0};
  on_rank_threads({.ranks = 4}, [&](RankGroup& ranks) {
    bool good = true;
    for (int root = 0; root < 4; ++root) {
      std::vector<int> values(1000, ranks.rank() == root ? root + 10 : -1);
      ranks.broadcast(root, std::as_writable_bytes(std::span(values)));
      good = good && values == std::vector<int>(1000, root + 10);
    }
    const std::vector<std::string> texts = ranks.gather(std::string(static_cast<std::size_t>(ranks.rank()), 'x'));
    good = good && (ranks.rank() != 0 || texts == std::vector<std::string>{"", "x", "xx", "xxx"});
    good = good && ranks.broadcast_text(ranks.rank() == 0 ? "said" : "ignored") == "said";
    good = good && ranks.any(ranks.rank() == 2) && !ranks.any(false);
    right += good ? 1 : 0;
  });
  CHECK(right == 4);
}

TEST_CASE("messages larger than any buffer of the system go round in a circle") {
  constexpr std::int64_t kBytes = 8'000'000;
  constexpr std::size_t kDevices = 3;
  std::atomic<int> right{0};
  on_rank_threads({.ranks = 3}, [&](RankGroup& ranks) {
    ranks.share_devices(kDevices);
    const std::vector<Message> messages = circle(kDevices, kBytes);
    const std::unique_ptr<Transport> transport = ranks.make_transport(messages);
    const int own = ranks.rank();
    const int before = (own + 2) % 3;
    std::vector<std::byte> sent(kBytes);
    std::vector<std::byte> received(kBytes);
    bool good = true;
    for (int step = 0; step < 3; ++step) {
      std::fill(sent.begin(), sent.end(), std::byte(own + step));
      transport->send(own, sent.data());
      transport->receive(before, received.data());
      transport->wait_send(own);
      good = good && received == std::vector<std::byte>(kBytes, std::byte(before + step));
    }
    right += good ? 1 : 0;
  });
  CHECK(right == 3);
}

TEST_CASE("a rank that fails ends the waits of all, and is told once") {
  Told told;
  std::atomic<int> right{0};
  on_rank_threads({.ranks = 3, .tell = told.tell()}, [&](RankGroup& ranks) {
    ranks.share_devices(4);
    const std::unique_ptr<Transport> transport = ranks.make_transport(circle(4, 100));
    const int listener = ranks.on_failure([&] { transport->abort(); });
    if (ranks.rank() == 1) ranks.fail(3, "no such data");
    std::vector<std::byte> data(100);
    // Devices 0 and 1 are rank 0's and hear from 3 and 0; device 3 is rank 2's and hears from rank 1's device 2.
    const int awaited = ranks.rank() == 2 ? 2 : 3;
    const bool woke = ranks.rank() == 1 || aborts([&] { transport->receive(awaited, data.data()); });
    const bool stopped = aborts([&] { static_cast<void>(ranks.any(false)); });
    ranks.forget(listener);
    if (woke && stopped && ranks.failure() == Failure{1, 3, ranks.name(1) + ": no such data"}) ++right;
    throw Aborted();
  });
  CHECK(right == 3);
  REQUIRE(told.failures.size() == 1);
  CHECK_THAT(told.failures[0].text, Catch::Contains("rank 1 (host ") && Catch::Contains(", device 2): no such data"));
}

TEST_CASE("a rank that is gone is told once, also where it was the first") {
  for (const int victim : {0, 2}) {
    Told told;
    std::atomic<int> right{0};
    on_rank_threads({.ranks = 3, .tell = told.tell()}, [&](RankGroup& ranks) {
      if (ranks.rank() == victim) throw Aborted();  // its connections close without a word
      const bool stopped = aborts([&] { static_cast<void>(ranks.any(false)); });
      const std::optional<Failure> failure = ranks.failure();
      if (stopped && failure && failure->rank == victim && failure->exit_code == 5) ++right;
      throw Aborted();
    });
    CHECK(right == 2);
    REQUIRE(told.failures.size() == 1);
    CHECK_THAT(told.failures[0].text,
               Catch::Contains(fmt::format("rank {} (host ", victim)) && Catch::Contains("ended without a word"));
  }
}

TEST_CASE("ranks that do not come are named") {
  const Socket listener = listen_on(0);
  const MeetingPlace place{.rank = 0,
                           .size = 3,
                           .addresses = {},
                           .port = port_of(listener),
                           .token = 1,
                           .listener = &listener,
                           .patience = std::chrono::milliseconds(50)};
  CHECK_THROWS_WITH(meet(place), Catch::Contains("rank 1, 2 of 3 did not come within 0.05 s"));
}

TEST_CASE("fewer devices than ranks is refused with the remedy") {
  std::vector<std::string> refusals(2);
  on_rank_threads({.ranks = 2}, [&](RankGroup& ranks) {
    try {
      ranks.share_devices(1);
    } catch (const UsageError& error) {
      refusals[static_cast<std::size_t>(ranks.rank())] = error.what();
    }
  });
  CHECK(refusals[0] == refusals[1]);
  CHECK_THAT(refusals[0],
             Catch::Contains("start at most 1 (mpirun -n 1)") && Catch::Contains("mpplan partition --devices 2"));
}
