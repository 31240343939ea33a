// Who is found to hold up a program, and what becomes of a run that a device holds up.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/stall/find_stall.hpp"
#include "runtime/stall/stall_watch.hpp"
#include "tests/runtime/support/fake_backend.hpp"
#include "tests/runtime/support/rank_threads.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kBytes = 4;
constexpr auto kLimit = 1500ms;  // long beside the time for which a busy machine lets a thread wait that could run

// x → first (device 0) → second (device 1) → third (device 2), all of one element; messages 0 and 1. Instructions:
// device 0: feed, first, send 0, wait 0; device 1: receive 0, second, send 1, wait 1; device 2: receive 1, third.
Program chain() {
  GraphBuilder builder("chain");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {1}}, "normal");
  std::vector<TensorId> tensors{x};
  for (const char* name : {"first", "second", "third"}) tensors.push_back(builder.add("Relu", name, {tensors.back()}));
  Program program;
  program.training.graph = std::move(builder).build();
  program.training.home.assign(program.training.graph.tensors().size(), kNone<NodeId>);
  program.devices.resize(3);
  for (std::int32_t d = 0; d < 3; ++d) {
    DeviceProgram& device = program.devices[make_id<DeviceId>(d)];
    const TensorId in = tensors[static_cast<std::size_t>(d)];
    const TensorId out = tensors[static_cast<std::size_t>(d) + 1];
    device.arena_bytes = 128;
    device.buffers.push_back({in, 0, BufferRole::kActivation, 0, kBytes});
    device.buffers.push_back({out, 0, BufferRole::kActivation, 64, kBytes});
    const auto add = [&](Opcode opcode, TensorId tensor, std::int32_t message, std::vector<BufferId> inputs,
                         std::vector<BufferId> outputs) {
      device.instructions.push_back({.opcode = opcode,
                                     .tensor = tensor,
                                     .microbatch = 0,
                                     .message = message,
                                     .inputs = std::move(inputs),
                                     .outputs = std::move(outputs)});
    };
    if (d == 0) add(Opcode::kFeed, in, -1, {}, {BufferId{0}});
    if (d > 0) add(Opcode::kReceive, in, d - 1, {}, {BufferId{0}});
    add(Opcode::kCompute, out, -1, {BufferId{0}}, {BufferId{1}});
    device.instructions.back().node = make_id<NodeId>(d);
    if (d == 2) continue;
    add(Opcode::kSend, out, d, {BufferId{1}}, {});
    add(Opcode::kWaitSend, out, d, {}, {});
    program.messages.push_back({out, 0, make_id<DeviceId>(d), make_id<DeviceId>(d + 1), kBytes});
  }
  return program;
}

struct Expected {
  int device;
  Stall::Kind kind;
  std::string text;
};

void require_stall(const IdVector<DeviceId, DevicePlace>& places, const Expected& expected,
                   bool waits_in_calls = true) {
  const Stall stall = find_stall(chain(), places, waits_in_calls);
  REQUIRE(stall.device == make_id<DeviceId>(expected.device));
  REQUIRE(stall.kind == expected.kind);
  REQUIRE(stall.text == expected.text);
}

class Zeros final : public DataSource {
 public:
  void fill(std::size_t /*input*/, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    std::fill(slice.begin(), slice.end(), std::byte{0});
  }
};

// Kernels that do nothing, but that of `stuck`, which waits.
BackendFactory backends(const std::string& stuck, std::function<void()> wait) {
  return [stuck, wait = std::move(wait)](DeviceId) {
    runtime::test::KernelFunctions kernels;
    for (const char* name : {"first", "second", "third"}) {
      kernels[name] = [wait, is_stuck = stuck == name](auto, auto, const StepContext& context) {
        if (is_stuck && context.step == 1) wait();
      };
    }
    return std::make_unique<runtime::test::FakeBackend>(std::move(kernels));
  };
}

void wait_until(const std::function<bool()>& is_so) {
  while (!is_so()) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("the way leads to the device at work, whoever waits for it", "[stall]") {
  using Kind = Stall::Kind;
  require_stall({{4, 3}, {4, 1}, {4, 0}}, {1, Kind::kAtWork, "step 5, microbatch 1: node 'second'"});
  require_stall({{4, 0}, {4, 0}, {4, 0}}, {0, Kind::kAtWork, "step 5, microbatch 1: reading data for input 'x'"});
  require_stall({{4, 4}, {4, 0}, {4, 0}}, {0, Kind::kFinishing, "step 5: finishing the work of the step"});
  // Device 2 is still in step 4, and device 1 a step ahead of it waits for it to take what was sent.
  require_stall({{4, 3}, {4, 3}, {3, 1}}, {2, Kind::kAtWork, "step 4, microbatch 1: node 'third'"});
}

TEST_CASE("a step not begun and a message under way are told apart", "[stall]") {
  using Kind = Stall::Kind;
  require_stall({{4, 3}, {3, -1}, {4, 0}}, {1, Kind::kNotBegun, "step 5: not begun"});
  // GPUs wait for one that is given nothing to do, while the program is through with all that it gave them.
  require_stall({{4, 4}, {4, 4}, {3, -1}}, {2, Kind::kNotBegun, "step 5: not begun"});
  require_stall({{4, 4}, {4, 0}, {4, 4}}, {0, Kind::kFinishing, "step 5: finishing the work of the step"});
  require_stall({{4, 4}, {4, 0}, {4, 4}}, {1, Kind::kAtWork, "step 5, microbatch 1: moving tensor 'first'"},
                /*waits_in_calls=*/false);
  require_stall({{4, 4}, {4, -1}, {3, 4}}, {2, Kind::kFinishing, "step 4: finishing the work of the step"});
  require_stall(
      {{4, 3}, {4, 0}, {4, 0}},
      {1, Kind::kInTransit, "step 5, microbatch 1: tensor 'first', sent by device 0, does not get to device 1"});
  require_stall(
      {{4, -1}, {4, -1}, {4, 0}},
      {2, Kind::kInTransit, "step 5, microbatch 1: tensor 'second', sent by device 1, does not get to device 2"});
  // Whoever has got it has gone on: it is the sender that does not.
  const std::string sent = "step 5, microbatch 1: tensor 'first' has got to device 1, and its sending does not end";
  require_stall({{4, 3}, {4, -1}, {4, -1}}, {0, Kind::kInTransit, sent});
  require_stall({{4, 3}, {5, 0}, {4, -1}}, {0, Kind::kInTransit, sent});
  REQUIRE(find_stall(chain(), {{4, -1}, {4, -1}, {4, -1}}).device == kNone<DeviceId>);
}

TEST_CASE("of a collective the member that has not begun its part is found", "[stall]") {
  Program program = chain();
  const TensorId tensor = program.messages[0].tensor;
  program.collectives.push_back({.tensors = {tensor}, .members = {DeviceId{0}, DeviceId{1}, DeviceId{2}}});
  IdVector<DeviceId, DevicePlace> places(3);
  for (const DeviceId device : ids<DeviceId>(3)) {
    std::vector<Instruction>& instructions = program.devices[device].instructions;
    places[device] = {.step = 4, .instruction = static_cast<std::int32_t>(instructions.size())};
    instructions.push_back({.opcode = Opcode::kStartCollective, .tensor = tensor, .collective = 0});
  }
  CHECK(find_stall(program, places).text == "step 5: the collective of tensor 'first', begun by all, does not end");
  places[DeviceId{1}].instruction = 1;
  CHECK(find_stall(program, places).device == DeviceId{1});
  CHECK(find_stall(program, places).text == "step 5, microbatch 1: node 'second'");
}

TEST_CASE("a device that is stuck ends the waits of the others, and then the process", "[stall]") {
  std::atomic<bool> is_ended{false};
  std::string last_words;
  Executor executor(chain(), backends("second", [&] { wait_until([&] { return is_ended.load(); }); }));
  StallWatch watch({.limit = kLimit,
                    .last_resort =
                        [&](const std::string& why) {
                          last_words = why;
                          is_ended = true;  // a program would end here
                        },
                    .grace = 10ms});
  const StallWatch::Watched watched(&watch, &executor);
  executor.run_step({.step = 0}, Zeros());
  REQUIRE_THROWS_AS(executor.run_step({.step = 1}, Zeros()), Aborted);
  REQUIRE(watch.stall() == last_words);
  REQUIRE(last_words.starts_with("device 1 is stuck: step 2, microbatch 1: node 'second' (nothing has got done for "));
}

TEST_CASE("nobody is watched between steps that nobody asked for", "[stall]") {
  Executor executor(chain(), backends("", [] {}));
  {
    StallWatch watch({.limit = 20ms});
    { const StallWatch::Watched watched(&watch, &executor); }
    std::this_thread::sleep_for(100ms);
    REQUIRE(!watch.stall());
  }
  StallWatch watch({.limit = kLimit});
  const StallWatch::Watched watched(&watch, &executor);
  executor.run_step({.step = 0}, Zeros());
  wait_until([&] { return watch.stall().has_value(); });
  REQUIRE(watch.stall()->starts_with("the run is stuck between two steps"));
}

TEST_CASE("ranks that are all alive end together when a device of one is stuck", "[stall]") {
  std::atomic<int> told{0};
  std::vector<Failure> failures(3);
  const auto body = [&](RankGroup& ranks) {
    ranks.share_devices(3);
    StallWatch watch({.limit = kLimit, .ranks = &ranks});
    Executor executor(chain(), backends("second", [&] { wait_until([&] { return ranks.failure().has_value(); }); }),
                      &ranks);
    const StallWatch::Watched watched(&watch, &executor);
    try {
      for (std::int64_t step = 0; step < 2; ++step) {
        executor.run_step({.step = step}, Zeros());
        static_cast<void>(ranks.any(false));  // as after every step of a training
      }
    } catch (const Aborted&) {
      failures[static_cast<std::size_t>(ranks.rank())] = ranks.failure().value();
      throw;
    }
  };
  runtime::test::on_rank_threads({.ranks = 3, .tell = [&](const Failure&) { ++told; }}, body);
  REQUIRE(told == 1);
  for (const Failure& failure : failures) {
    INFO(failure.text);
    REQUIRE(failure.exit_code == 5);
    REQUIRE(failure.text == failures[0].text);
    REQUIRE(failure.text.starts_with("rank 1 (host "));
    REQUIRE(failure.text.find(", device 1): device 1 is stuck: step 2, microbatch 1: node 'second' (nothing") !=
            std::string::npos);
  }
}
