// Collectives in the place of replicas' messages: where they stand, that nothing breaks, what they send and cost.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/program/collective_cost.hpp"
#include "lib/program/collectives.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "tests/lib/support/faults.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::complains;
using mp::test::first_of;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};
constexpr DeviceId d2{2};

struct Setting {
  std::int32_t microbatches = 2;
  std::int32_t zero = 0;
  std::int32_t devices = 2;
  std::vector<ReplicaGroup> replicas = {{d0, d1}};
  Schedule schedule = Schedule::k1f1b;
};

Program compiled(const Graph& forward, const Placement& placement, const Setting& setting) {
  const Optimizer momentum{.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.0};
  return compile(
      differentiate(forward, {.optimizer = momentum, .microbatches = setting.microbatches}), placement,
      {.schedule = setting.schedule, .devices = setting.devices, .replicas = setting.replicas, .zero = setting.zero});
}

// Where a collective is always worth it.
Cluster without_latency(std::int32_t devices) {
  Cluster cluster = uniform_cluster(devices);
  cluster.within_host.latency_s = 0.0;
  return cluster;
}

Program collective(const Graph& forward, const Placement& placement, const Setting& setting) {
  return with_collectives(compiled(forward, placement, setting), without_latency(setting.devices));
}

std::int64_t count(const Program& program, CollectiveKind kind) {
  return std::count_if(program.collectives.begin(), program.collectives.end(),
                       [&](const Collective& collective) { return collective.kind == kind; });
}

std::int64_t messages_once_a_step(const Program& program) {
  return std::count_if(program.messages.begin(), program.messages.end(),
                       [](const Message& message) { return message.microbatch < 0; });
}

// The text of a device's list from the first START on.
std::string from_first_start(const Program& program, DeviceId device) {
  const std::string text = to_text(program, device);
  return text.substr(text.find("START"));
}

Instruction& find(Program& program, DeviceId device, Opcode opcode) {
  return first_of(program, device, [&](const Instruction& instruction) { return instruction.opcode == opcode; });
}

}  // namespace

TEST_CASE("replicas start an all-reduce when their sums are made, and wait where they are needed",
          "[program][collectives]") {
  const Program program = collective(mp::test::two_layers(), Placement(3, d0), {});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(count(program, CollectiveKind::kAllReduce) == 2);
  CHECK(program.messages.empty());
  CHECK(from_first_start(program, d1) ==
        "START all-reduce fc2.grad.B\n"
        "B fc1.grad.B mb1\n"
        "B fc1.grad.C.sum mb1\n"
        "START all-reduce fc1.grad.B + 1\n"
        "FINISH all-reduce fc2.grad.B\n"
        "COPY fc2.grad.B\n"
        "U fc2.weight.update\n"
        "FINISH all-reduce fc1.grad.B + 1\n"
        "U fc1.weight.update\n"
        "U fc1.bias.update\n");
}

TEST_CASE("under ZeRO 1 sums go to their owner and new values come from it", "[program][collectives]") {
  const Program program = collective(mp::test::two_layers(), Placement(3, d0), {.zero = 1});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(count(program, CollectiveKind::kAllReduce) == 0);
  CHECK(count(program, CollectiveKind::kReduce) > 0);
  CHECK(count(program, CollectiveKind::kBroadcast) > 0);
  CHECK(program.messages.empty());
}

TEST_CASE("programs with collectives have no fault, whatever the graph, the groups and the policy",
          "[program][collectives]") {
  const std::vector<Schedule> schedules = {Schedule::kGpipe, Schedule::k1f1b, Schedule::kInterleaved,
                                           Schedule::kZeroBubble};
  std::int64_t replaced = 0;
  std::int64_t left = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const RandomStream random(seed, "collectives");
    const Graph forward = mp::test::random_model(seed, 6);
    const auto leaders = static_cast<std::int32_t>(1 + random.below(0, 3));
    const auto members = static_cast<std::int32_t>(2 + random.below(1, 3));
    Setting setting{.microbatches = members + static_cast<std::int32_t>(random.below(2, 4)),
                    .zero = static_cast<std::int32_t>(random.below(3, 4)),
                    .devices = leaders * members,
                    .replicas = {},
                    .schedule = schedules[random.below(4, schedules.size())]};
    for (std::int32_t d = 0; d < leaders; ++d) {
      ReplicaGroup& group = setting.replicas.emplace_back();
      for (std::int32_t r = 0; r < members; ++r) group.push_back(make_id<DeviceId>(d + r * leaders));
    }
    const Program plain = compiled(forward, mp::test::random_placement(seed, forward, leaders), setting);
    const Program program = with_collectives(plain, without_latency(setting.devices));
    INFO("seed " << seed << ", zero " << setting.zero);
    REQUIRE(check_program(program) == std::vector<std::string>{});
    const Cluster cluster = uniform_cluster(setting.devices);
    CHECK(simulate(program, cluster).step_time_s > 0.0);
    for (const DeviceId d : ids<DeviceId>(plain.devices.size())) {
      CHECK(program.devices[d].arena_bytes == plain.devices[d].arena_bytes);
      CHECK(program.devices[d].buffers == plain.devices[d].buffers);
    }
    replaced += messages_once_a_step(plain) - messages_once_a_step(program);
    if (setting.zero < 2) left += messages_once_a_step(program);
  }
  CHECK(replaced > 500);
  CHECK(left < replaced / 2);  // tied parameters of several groups, parameters that travel before the passes
}

TEST_CASE("what has no replicas stays as it is", "[program][collectives]") {
  const Graph forward = mp::test::two_layers();
  const Program plain = compiled(forward, {d0, d1, d1}, {.replicas = {}});
  const Program program = with_collectives(plain, without_latency(2));
  CHECK(program.collectives.empty());
  CHECK(program.messages == plain.messages);
  CHECK(program.order == plain.order);
}

TEST_CASE("broken collectives are found", "[program][collectives][check]") {
  const Setting three{.microbatches = 3, .devices = 3, .replicas = {{d0, d1, d2}}};
  Program program = collective(mp::test::two_layers(), Placement(3, d0), three);
  REQUIRE(check_program(program) == std::vector<std::string>{});
  Instruction& start = find(program, d1, Opcode::kStartCollective);
  SECTION("members that start in different orders") {
    for (Instruction& other : program.devices[d1].instructions) {
      if (other.collective < 0 || other.opcode != start.opcode || other.collective == start.collective) continue;
      std::swap(other.collective, start.collective);
      break;
    }
    CHECK(complains(program, "where another member started"));
  }
  SECTION("members that are not the group's") {
    program.collectives[static_cast<std::size_t>(start.collective)].members = {d1, d0, d2};
    CHECK(complains(program, "over devices that do not make it"));
  }
  SECTION("a size that is not the buffers'") {
    program.collectives[static_cast<std::size_t>(start.collective)].size_bytes += 4;
    CHECK(complains(program, "has a wrong size"));
  }
  SECTION("a sum that is finished before all have started it") {
    // Who starts first finishes right after it, before the others have come to it.
    const auto first = std::find_if(program.order.begin(), program.order.end(), [&](const Program::Step& step) {
      return program.devices[step.device].instructions[static_cast<std::size_t>(step.instruction)].collective >= 0;
    });
    std::vector<Instruction>& list = program.devices[first->device].instructions;
    const auto begun = list.begin() + first->instruction;
    const auto done = std::find_if(begun, list.end(), [&](const Instruction& i) {
      return i.opcode == Opcode::kFinishCollective && i.collective == begun->collective;
    });
    REQUIRE(done != list.end());
    std::rotate(begun + 1, done, done + 1);
    CHECK(complains(program, "a deadlock"));
  }
  SECTION("a sum that is read before it is finished") {
    Instruction& finish = find(program, d0, Opcode::kFinishCollective);
    for (Instruction& other : program.devices[d0].instructions) {
      if (other.opcode != Opcode::kCompute || other.microbatch >= 0) continue;
      std::swap(other, finish);
      break;
    }
    CHECK(complains(program, "of a collective that is not finished"));
  }
  SECTION("a part that is never finished") {
    std::vector<Instruction>& list = program.devices[d1].instructions;
    const auto done = std::find_if(list.begin(), list.end(),
                                   [](const Instruction& i) { return i.opcode == Opcode::kFinishCollective; });
    const auto position = static_cast<std::int32_t>(done - list.begin());
    list.erase(done);
    std::erase_if(program.order, [&](const Program::Step& step) { return step == Program::Step{d1, position}; });
    for (Program::Step& step : program.order) {
      if (step.device == d1 && step.instruction > position) --step.instruction;
    }
    CHECK(complains(program, "is started by 3 devices and finished by 2"));
  }
}

TEST_CASE("a collective costs what the textbook says", "[program][collectives]") {
  const Cluster cluster = uniform_cluster(4);
  const Routes routes(cluster);
  const Route route = routes(d0, d1);
  const std::int64_t size_bytes = 4'000'000;
  const double transfer_s = static_cast<double>(size_bytes) / route.bytes_per_s;
  Collective collective{
      .kind = CollectiveKind::kAllReduce, .members = {d0, d1, d2, DeviceId{3}}, .size_bytes = size_bytes};
  const CollectiveCost all = cost_of(collective, routes);
  CHECK(all.seconds == Approx(6 * route.latency_s + 1.5 * transfer_s));
  REQUIRE(all.hops.size() == 4);
  for (const RingHop& hop : all.hops) CHECK(hop.bytes == 6'000'000);
  collective.kind = CollectiveKind::kReduce;
  collective.root = d2;
  const CollectiveCost reduce = cost_of(collective, routes);
  CHECK(reduce.seconds == Approx(3 * route.latency_s + transfer_s));
  REQUIRE(reduce.hops.size() == 3);
  CHECK((reduce.hops.front().to == d2 && reduce.hops.back().from == d1));
  collective.kind = CollectiveKind::kBroadcast;
  CHECK((cost_of(collective, routes).hops.front().from == d2 && cost_of(collective, routes).hops.back().to == d1));
}

TEST_CASE("small tensors stay messages where a chain is long", "[program][collectives]") {
  const Cluster cluster = uniform_cluster(4);
  const Routes routes(cluster);
  const Collective sum{
      .kind = CollectiveKind::kReduce, .members = {d0, d1, d2, DeviceId{3}}, .root = d1, .size_bytes = 4};
  CHECK(seconds_of_messages(sum, routes) == Approx(routes(d0, d1).latency_s + 12.0 / routes(d0, d1).bytes_per_s));
  CHECK(seconds_of_messages(sum, routes) < cost_of(sum, routes).seconds);
  const Setting setting{.microbatches = 3, .zero = 1, .devices = 3, .replicas = {{d0, d1, d2}}};
  const Program plain = compiled(mp::test::two_layers(), Placement(3, d0), setting);
  CHECK(with_collectives(plain, uniform_cluster(3)).collectives.empty());
  CHECK(collective(mp::test::two_layers(), Placement(3, d0), setting).messages.empty());
}
