// ZeRO 2 and 3 by collectives: what they do, keep, move and cost, and faults that the checker finds.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/program/collective_cost.hpp"
#include "lib/program/collective_pieces.hpp"
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

constexpr std::int64_t kLayers = 12;  // 2, 3 or 4 owners have equal shares
constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kTensorBytes = kWidth * kWidth * 4;
constexpr std::int64_t kModelBytes = kLayers * kTensorBytes;  // 4 Ψ of the paper

struct Setting {
  std::int32_t stages = 1;
  std::int32_t replicas = 2;
  std::int32_t zero = 2;
  std::int32_t microbatches = 0;  // 0: two for each replica
  std::int64_t bucket_bytes = kDefaultBucketBytes;
  Schedule schedule = Schedule::k1f1b;
  bool collectives = true;
  double latency_s = 1e-6;  // what is ready within it goes together
  double bandwidth_bytes_per_s = 1e12;
};

Cluster cluster_of(const Setting& setting) {
  Cluster cluster = uniform_cluster(setting.stages * setting.replicas);
  cluster.within_host = {.latency_s = setting.latency_s, .bandwidth_bytes_per_s = setting.bandwidth_bytes_per_s};
  return cluster;
}

Program compiled(const Graph& forward, Placement placement, const Setting& setting) {
  const std::int32_t microbatches = setting.microbatches > 0 ? setting.microbatches : 2 * setting.replicas;
  std::vector<ReplicaGroup> groups;
  for (std::int32_t stage = 0; stage < setting.stages; ++stage) {
    ReplicaGroup& group = groups.emplace_back();
    for (std::int32_t r = 0; r < setting.replicas; ++r) group.push_back(make_id<DeviceId>(stage + r * setting.stages));
  }
  const Cluster cluster = cluster_of(setting);
  Program program =
      compile(differentiate(forward, {.optimizer = {.kind = OptimizerKind::kAdam}, .microbatches = microbatches}),
              std::move(placement),
              {.schedule = setting.schedule,
               .devices = setting.stages * setting.replicas,
               .cluster = &cluster,
               .replicas = std::move(groups),
               .zero = setting.zero,
               .bucket_bytes = setting.bucket_bytes,
               .collectives = setting.collectives});
  Cluster without_latency = cluster;  // where a broadcast of new values is always worth it
  without_latency.within_host.latency_s = 0.0;
  return setting.collectives ? with_collectives(std::move(program), without_latency) : program;
}

// As many layers on each stage.
Program equal(const Setting& setting) {
  const Graph forward = mp::test::equal_layers(kLayers, kWidth);
  Placement placement;
  for (const NodeId n : ids<NodeId>(forward.nodes().size())) {
    const std::int64_t layer = std::min(static_cast<std::int64_t>(index(n)), kLayers - 1);
    placement.push_back(make_id<DeviceId>(layer * setting.stages / kLayers));
  }
  return compiled(forward, std::move(placement), setting);
}

std::int64_t tensors_in(const Program& program, CollectiveKind kind, CollectiveKind of_one) {
  std::int64_t sum = 0;
  for (const Collective& collective : program.collectives) {
    const bool is_wanted = collective.kind == kind || collective.kind == of_one;
    sum += is_wanted ? static_cast<std::int64_t>(collective.tensors.size()) : 0;
  }
  return sum;
}

std::int64_t bytes_moved(const Program& program, const Cluster& cluster) {
  std::int64_t sum = 0;
  for (const LinkTraffic& link : simulate(program, cluster).links) sum += link.bytes;
  return sum;
}

bool is_start(const Instruction& instruction) { return instruction.opcode == Opcode::kStartCollective; }

}  // namespace

TEST_CASE("what ZeRO 2 does on a member by collectives", "[program][zero][collectives]") {
  const Program program =
      compiled(mp::test::two_layers(), Placement(3, d0), {.zero = 2, .microbatches = 4, .latency_s = 1e-3});
  CHECK(check_program(program) == std::vector<std::string>{});
  // The first sum is made in the owner's accumulator; that of the second turn, of mb2 and mb3, is added to it.
  CHECK(to_text(program, d1) ==
        "FEED x mb1\n"
        "F fc1 mb1\n"
        "F fc2 mb1\n"
        "FEED target mb1\n"
        "F loss mb1\n"
        "LOSS loss mb1\n"
        "B loss.grad mb1\n"
        "B loss.grad.X mb1\n"
        "B fc2.grad.A mb1\n"
        "B fc2.grad.B mb1\n"
        "B fc1.grad.B mb1\n"
        "B fc1.grad.C.sum mb1\n"
        "START reduce-scatter fc1.grad.B + 2 mb1\n"
        "FEED x mb3\n"
        "F fc1 mb3\n"
        "F fc2 mb3\n"
        "FEED target mb3\n"
        "F loss mb3\n"
        "LOSS loss mb3\n"
        "B loss.grad mb3\n"
        "B loss.grad.X mb3\n"
        "B fc2.grad.A mb3\n"
        "B fc2.grad.B mb3\n"
        "B fc1.grad.B mb3\n"
        "B fc1.grad.C.sum mb3\n"
        "START reduce-scatter fc1.grad.B + 2 mb3\n"
        "FINISH reduce-scatter fc1.grad.B + 2 mb1\n"
        "FINISH reduce-scatter fc1.grad.B + 2 mb3\n"
        "ADD fc2.grad.B mb2\n"
        "U fc2.weight.update\n"
        "START all-gather fc1.weight + 2\n"
        "FINISH all-gather fc1.weight + 2\n");
}

TEST_CASE("new values set out while members still compute, a bucket's together", "[program][zero][collectives]") {
  const std::int32_t zero = GENERATE(1, 2);
  const Program program = equal({.replicas = 3, .zero = zero, .bucket_bytes = 4 * kTensorBytes});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(program.messages.empty());
  CHECK(tensors_in(program, CollectiveKind::kReduceScatter, CollectiveKind::kReduce) == kLayers * (zero == 1 ? 1 : 2));
  CHECK(tensors_in(program, CollectiveKind::kAllGather, CollectiveKind::kBroadcast) == kLayers);
  for (const DeviceProgram& device : program.devices) {
    std::vector<std::size_t> starts;
    std::size_t last_pass = 0;
    for (std::size_t i = 0; i < device.instructions.size(); ++i) {
      const Instruction& instruction = device.instructions[i];
      if (instruction.opcode == Opcode::kCompute && instruction.microbatch >= 0) last_pass = i;
      if (!is_start(instruction)) continue;
      if (!is_sum(program.collectives[static_cast<std::size_t>(instruction.collective)].kind)) starts.push_back(i);
    }
    REQUIRE(starts.size() > 1);
    CHECK(starts.front() < last_pass);
  }
}

TEST_CASE("what ZeRO 3 does on a member by collectives", "[program][zero][collectives]") {
  const Program program =
      compiled(mp::test::two_layers(), Placement(3, d0), {.zero = 3, .microbatches = 2, .bucket_bytes = 1});
  CHECK(check_program(program) == std::vector<std::string>{});
  // The backward pass still has both windows.
  CHECK(to_text(program, d1) ==
        "START broadcast fc1.weight + 1 <- device 0\n"
        "START broadcast fc2.weight <- device 1\n"
        "FINISH broadcast fc1.weight + 1 <- device 0\n"
        "FEED x mb1\n"
        "F fc1 mb1\n"
        "FINISH broadcast fc2.weight <- device 1\n"
        "F fc2 mb1\n"
        "FEED target mb1\n"
        "F loss mb1\n"
        "LOSS loss mb1\n"
        "B loss.grad mb1\n"
        "B loss.grad.X mb1\n"
        "B fc2.grad.A mb1\n"
        "B fc2.grad.B mb1\n"
        "START reduce fc2.grad.B mb1 -> device 1\n"
        "B fc1.grad.B mb1\n"
        "START reduce fc1.grad.B mb1 -> device 0\n"
        "FINISH reduce fc2.grad.B mb1 -> device 1\n"
        "B fc1.grad.C.sum mb1\n"
        "START reduce fc1.grad.C.sum mb1 -> device 0\n"
        "FINISH reduce fc1.grad.B mb1 -> device 0\n"
        "U fc2.weight.update\n"
        "FINISH reduce fc1.grad.C.sum mb1 -> device 0\n");
}

// Rajbhandari et al., SC 2020, section 7: with Ψ parameters a member of N moves 2 Ψ (N − 1)/N in a step without ZeRO
// and with ZeRO 1 and 2 (gradients reduced, parameters gathered), 3 Ψ (N − 1)/N with ZeRO 3 (gathered for both passes).
TEST_CASE("ZeRO moves by collectives what the paper's table says, to the byte", "[program][zero][collectives]") {
  const std::int32_t replicas = GENERATE(2, 4);
  for (const Schedule schedule : {Schedule::kGpipe, Schedule::k1f1b}) {
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      // Windows and buckets of one tensor. The backward pass still has the two last of the forward pass, and does not
      // read the first weight: nobody wants the gradient of the input.
      const Setting setting{
          .replicas = replicas, .zero = zero, .microbatches = replicas, .bucket_bytes = 1, .schedule = schedule};
      const Program program = equal(setting);
      CAPTURE(replicas, zero, name_of(schedule));
      CHECK(check_program(program) == std::vector<std::string>{});
      CHECK(program.messages.empty());
      const std::int64_t gathered = zero < 3 ? kModelBytes : 2 * kModelBytes - 3 * kTensorBytes;
      CHECK(bytes_moved(program, cluster_of(setting)) == (replicas - 1) * (kModelBytes + gathered));
    }
  }
}

TEST_CASE("each turn of microbatches is reduced to the owners, once, and added up", "[program][zero][collectives]") {
  for (const std::int32_t stages : {1, 2}) {
    for (const std::int32_t replicas : {2, 4}) {
      for (const Schedule schedule : {Schedule::kGpipe, Schedule::k1f1b}) {
        for (const std::int32_t zero : {2, 3}) {
          const Setting setting{.stages = stages, .replicas = replicas, .zero = zero, .schedule = schedule};
          const Program program = equal(setting);
          CAPTURE(stages, replicas, zero, name_of(schedule));
          CHECK(check_program(program) == std::vector<std::string>{});
          CHECK(tensors_in(program, CollectiveKind::kReduceScatter, CollectiveKind::kReduce) == 2 * kLayers);
          CHECK(std::all_of(program.messages.begin(), program.messages.end(), [&](const Message& message) {
            return message.microbatch >= 0 && !program.training.is_accumulated(message.tensor);  // at the cut
          }));
          std::int64_t added = 0;
          for (const DeviceProgram& device : program.devices) {
            for (const Instruction& instruction : device.instructions) {
              added += instruction.opcode == Opcode::kAccumulate;
            }
          }
          CHECK(added == kLayers);
        }
      }
    }
  }
}

TEST_CASE("gradients of several owners go in one reduce-scatter, and a window's parameters in one all-gather",
          "[program][zero][collectives]") {
  const Program program = equal({.replicas = 4, .zero = 3, .latency_s = 1e-3});
  const auto count = [&](CollectiveKind kind) {
    return std::count_if(program.collectives.begin(), program.collectives.end(), [&](const Collective& collective) {
      return collective.kind == kind && collective.pieces.size() == 4;
    });
  };
  CHECK(count(CollectiveKind::kReduceScatter) > 0);
  CHECK(count(CollectiveKind::kAllGather) > 0);
}

// A window is there as it sets out, not as it is received; of what is under way, an owner holds its share, too.
TEST_CASE("by collectives ZeRO needs little more memory than by messages", "[program][zero][collectives]") {
  for (const std::int32_t replicas : {2, 4}) {
    for (const std::int32_t zero : {2, 3}) {
      Setting setting{.replicas = replicas, .zero = zero, .bucket_bytes = kTensorBytes};
      const Program program = equal(setting);
      setting.collectives = false;
      const Program messages = equal(setting);
      for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
        CAPTURE(replicas, zero, index(d));
        CHECK(program.devices[d].persistent_bytes == messages.devices[d].persistent_bytes);
        const std::int64_t more = program.devices[d].arena_bytes - messages.devices[d].arena_bytes;
        CHECK(more <= kModelBytes / (2 * replicas) + kTensorBytes);
      }
    }
  }
}

TEST_CASE("programs of ZeRO by collectives have no fault, whatever the graph, the groups and the policy",
          "[program][zero][collectives]") {
  const std::vector<Schedule> schedules = {Schedule::kGpipe, Schedule::k1f1b, Schedule::kInterleaved,
                                           Schedule::kZeroBubble};
  std::int64_t exchanged = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const RandomStream random(seed, "zero collectives");
    const Graph forward = mp::test::random_model(seed, 6);
    Setting setting{.stages = static_cast<std::int32_t>(1 + random.below(0, 3)),
                    .replicas = static_cast<std::int32_t>(2 + random.below(1, 3)),
                    .zero = static_cast<std::int32_t>(2 + random.below(2, 2)),
                    .bucket_bytes = static_cast<std::int64_t>(1 + random.below(3, 1000)),
                    .schedule = schedules[random.below(4, schedules.size())]};
    setting.microbatches = setting.replicas * static_cast<std::int32_t>(1 + random.below(5, 3)) +
                           static_cast<std::int32_t>(random.below(6, 4) == 0);  // some have one more
    const Program program = compiled(forward, mp::test::random_placement(seed, forward, setting.stages), setting);
    INFO("seed " << seed << ", zero " << setting.zero);
    REQUIRE(check_program(program) == std::vector<std::string>{});
    CHECK(simulate(program, cluster_of(setting)).step_time_s > 0.0);
    exchanged += tensors_in(program, CollectiveKind::kReduceScatter, CollectiveKind::kReduce);
  }
  CHECK(exchanged > 500);
}

TEST_CASE("broken exchanges are found", "[program][zero][collectives][check]") {
  Program program = equal({.replicas = 2, .zero = 3, .latency_s = 1e-3});
  REQUIRE(check_program(program) == std::vector<std::string>{});
  const auto is_add = [](const Instruction& instruction) { return instruction.opcode == Opcode::kAccumulate; };
  const auto is_reduction = [](const Instruction& i) { return is_start(i) && i.microbatch >= 0; };
  const auto collective_of = [&](const Instruction& instruction) -> Collective& {
    return program.collectives[static_cast<std::size_t>(instruction.collective)];
  };
  SECTION("a turn that is added twice") {
    Instruction& add = first_of(program, d1, is_add);
    Instruction& other = first_of(program, d1, [&](const Instruction& i) { return is_add(i) && i != add; });
    other = add;
    CHECK(complains(program, "but finds"));
  }
  SECTION("a turn that is left out") {
    first_of(program, d1, is_add).opcode = Opcode::kCopy;  // over the sum
    CHECK(complains(program, "but finds"));
  }
  SECTION("a turn with another's gradients") {
    // Both turns of a bucket take each other's numbers.
    Instruction& first = first_of(program, d0, is_reduction);
    Collective& early = collective_of(first);
    const auto late = std::find_if(program.collectives.begin(), program.collectives.end(), [&](const Collective& c) {
      return c.tensors == early.tensors && c.microbatch > early.microbatch;
    });
    REQUIRE(late != program.collectives.end());
    std::swap(early.microbatch, late->microbatch);
    for (DeviceProgram& device : program.devices) {
      for (Instruction& instruction : device.instructions) {
        if (instruction.collective < 0) continue;
        const Collective& own = collective_of(instruction);
        if (&own == &early || &own == &*late) instruction.microbatch = own.microbatch + instruction.microbatch % 2;
      }
    }
    CHECK(complains(program, "gives"));
  }
  SECTION("an owner that gets another's share") {
    Collective& collective = collective_of(first_of(program, d0, is_reduction));
    REQUIRE(collective.pieces.size() == 2);
    std::swap(collective.pieces[0].root, collective.pieces[1].root);
    CHECK(!check_program(program).empty());
  }
  SECTION("a piece that is not a member's") {
    collective_of(first_of(program, d0, is_reduction)).pieces.front().root = DeviceId{7};
    CHECK(complains(program, "names what is not there"));
  }
  SECTION("a window that is read before it is there") {
    std::vector<Instruction>& list = program.devices[d1].instructions;
    const auto finish = std::find_if(list.begin(), list.end(), [&](const Instruction& i) {
      return i.opcode == Opcode::kFinishCollective && !is_sum(collective_of(i).kind);
    });
    const auto reader =
        std::find_if(finish, list.end(), [](const Instruction& i) { return i.opcode == Opcode::kCompute; });
    REQUIRE(reader != list.end());
    std::iter_swap(finish, reader);
    CHECK(complains(program, "of a collective that is not finished"));
  }
}

TEST_CASE("a reduce-scatter and an all-gather cost what the textbook says", "[program][collectives]") {
  const Cluster cluster = uniform_cluster(4);
  const Routes routes(cluster);
  const Route route = routes(d0, d1);
  const std::vector<DeviceId> members = {d0, d1, DeviceId{2}, DeviceId{3}};
  for (const CollectiveKind kind : {CollectiveKind::kReduceScatter, CollectiveKind::kAllGather}) {
    Collective collective{.kind = kind, .members = members, .size_bytes = 4'000'000};
    for (const DeviceId d : members) collective.pieces.push_back({d, 1, 1'000'000});
    const CollectiveCost even = cost_of(collective, routes);
    CHECK(even.seconds == Approx(3 * (route.latency_s + 1e6 / route.bytes_per_s)));
    REQUIRE(even.hops.size() == 4);
    for (const RingHop& hop : even.hops) CHECK(hop.bytes == 3'000'000);
    // All on one member: the chain of a reduce, or a broadcast.
    for (CollectivePiece& piece : collective.pieces) piece.root = d1;
    const CollectiveCost uneven = cost_of(collective, routes);
    CHECK(uneven.seconds == Approx(3 * route.latency_s + 4e6 / route.bytes_per_s));
    CHECK(uneven.hops.size() == 3);
  }
}

TEST_CASE("collectives of ZeRO move while devices compute", "[program][zero][collectives]") {
  Setting setting{.replicas = 2,
                  .zero = 3,
                  .microbatches = 8,
                  .bucket_bytes = 2 * kTensorBytes,
                  .latency_s = 1e-9,
                  .bandwidth_bytes_per_s = 1e18};
  const Program fast = equal(setting);
  const double work_s = simulate(fast, cluster_of(setting)).step_time_s;
  // A link that moves what it has to in half of the step's time.
  const auto link_bytes = static_cast<double>(bytes_moved(fast, cluster_of(setting))) / 2;
  setting.bandwidth_bytes_per_s = link_bytes / (0.5 * work_s);
  const double ratio = simulate(equal(setting), cluster_of(setting)).step_time_s / work_s;
  CAPTURE(ratio);
  CHECK(ratio < 1.2);  // 1.5 were each waited for where it begins
}
