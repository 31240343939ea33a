#include "runtime/local/local_transport.hpp"

#include <array>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/runtime/support/fake_backend.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

struct Pair {
  std::chrono::microseconds patience{0};
  runtime::test::FakeBackend first{{}};
  runtime::test::FakeBackend second{{}};
  std::array<Backend*, 2> backends = {&first, &second};
  std::vector<Message> messages = {
      {.from = DeviceId{0}, .to = DeviceId{1}, .size_bytes = 4000},
      {.from = DeviceId{1}, .to = DeviceId{0}, .size_bytes = 4000},
  };
  LocalTransport transport{messages, backends, patience};
};

}  // namespace

TEST_CASE("a message arrives, again and again, and its buffer is free after the wait") {
  Pair pair{.patience = std::chrono::microseconds(GENERATE(0, 50))};
  constexpr int kSteps = 500;
  std::vector<int> sent(1000);
  std::thread peer([&] {
    std::vector<int> data(1000);
    for (int step = 0; step < kSteps; ++step) {
      pair.transport.receive(0, data.data());
      for (int& value : data) value *= 2;
      pair.transport.send(1, data.data());
      pair.transport.wait_send(1);
    }
  });
  bool all_right = true;
  std::vector<int> received(1000);
  for (int step = 0; step < kSteps; ++step) {
    std::iota(sent.begin(), sent.end(), step);
    pair.transport.send(0, sent.data());
    pair.transport.wait_send(0);
    std::fill(sent.begin(), sent.end(), -1);  // too late to hurt
    pair.transport.receive(1, received.data());
    for (int i = 0; i < 1000; ++i) all_right = all_right && received[static_cast<std::size_t>(i)] == 2 * (step + i);
  }
  peer.join();
  CHECK(all_right);
}

TEST_CASE("an abort ends every wait, those to come too") {
  Pair pair{.patience = std::chrono::microseconds(GENERATE(0, 50))};
  int value = 0;
  bool receiver_woke = false;
  bool sender_woke = false;
  std::thread receiver([&] {
    try {
      pair.transport.receive(1, &value);
    } catch (const Aborted&) {
      receiver_woke = true;
    }
  });
  std::thread sender([&] {
    try {
      pair.transport.send(0, &value);
      pair.transport.wait_send(0);
    } catch (const Aborted&) {
      sender_woke = true;
    }
  });
  pair.transport.abort();
  receiver.join();
  sender.join();
  CHECK(receiver_woke);
  CHECK(sender_woke);
  CHECK_THROWS_AS(pair.transport.receive(0, &value), Aborted);
  CHECK_THROWS_AS(pair.transport.send(1, &value), Aborted);
  CHECK_THROWS_AS(pair.transport.wait_send(0), Aborted);
}
