// Parameters that replicas own in shares: who owns what, under every level of ZeRO, and faults that the checker finds.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/program/collectives.hpp"
#include "lib/program/program.hpp"
#include "lib/program/share_out.hpp"
#include "tests/lib/support/faults.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::complains;
using mp::test::first_of;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

struct Setting {
  std::uint64_t seed = 1;
  std::int32_t replicas = 2;
  std::int32_t zero = 1;
  std::int32_t turns = 2;  // microbatches of each member
  bool collectives = false;
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double clip_norm = 0.0;
};

Program compiled(const Graph& forward, const Setting& setting) {
  ReplicaGroup group;
  for (const DeviceId d : ids<DeviceId>(static_cast<std::size_t>(setting.replicas))) group.push_back(d);
  const Cluster cluster = uniform_cluster(setting.replicas);
  Program program = compile(
      differentiate(forward, {.optimizer = {.kind = setting.optimizer, .momentum = 0.9, .clip_norm = setting.clip_norm},
                              .microbatches = setting.turns * setting.replicas}),
      Placement(forward.nodes().size(), d0),
      {.devices = setting.replicas,
       .cluster = &cluster,
       .replicas = {group},
       .zero = setting.zero,
       .collectives = setting.collectives});
  Cluster without_latency = cluster;
  without_latency.within_host.latency_s = 0.0;
  return setting.collectives ? with_collectives(std::move(program), without_latency) : program;
}

Program compiled(const Setting& setting) { return compiled(mp::test::large_weights(setting.seed), setting); }

// Bytes of a role, by device.
std::vector<std::int64_t> held(const Program& program, BufferRole role) {
  std::vector<std::int64_t> of_devices;
  for (const DeviceProgram& device : program.devices) {
    std::int64_t sum = 0;
    for (const Buffer& buffer : device.buffers) sum += buffer.role == role ? buffer.size_bytes : 0;
    of_devices.push_back(sum);
  }
  return of_devices;
}

// The largest over the average, minus 1.
double imbalance(const std::vector<std::int64_t>& loads) {
  const std::int64_t sum = std::accumulate(loads.begin(), loads.end(), std::int64_t{0});
  return static_cast<double>(*std::max_element(loads.begin(), loads.end())) * static_cast<double>(loads.size()) /
             static_cast<double>(sum) -
         1.0;
}

}  // namespace

TEST_CASE("shares are whole blocks, as even as these allow", "[program][shares]") {
  CHECK(share_sizes(2 * kShareElements, 2) == std::vector<std::int64_t>{kShareElements, kShareElements});
  CHECK(share_sizes(3 * kShareElements - 7, 2) == std::vector<std::int64_t>{kShareElements, 2 * kShareElements - 7});
  const std::vector<std::int64_t> sizes = share_sizes(50257 * 768, 8);  // GPT-2's embedding
  CHECK(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == 50257 * 768);
  CHECK(imbalance(sizes) < 0.01);
}

TEST_CASE("every program with shares is sound and balanced", "[program][shares]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 7));
  for (const std::int32_t replicas : {2, 3, 4}) {
    for (const std::int32_t zero : {1, 2, 3}) {
      for (const bool collectives : {false, true}) {
        CAPTURE(seed, replicas, zero, collectives);
        const Program program = compiled({.seed = seed,
                                          .replicas = replicas,
                                          .zero = zero,
                                          .collectives = collectives,
                                          .optimizer = seed % 3 == 0 ? OptimizerKind::kSgd : OptimizerKind::kAdam,
                                          .clip_norm = seed % 2 == 0 ? 1.0 : 0.0});
        CHECK(check_program(program) == std::vector<std::string>{});
        // What cannot be shared is smaller than a block for each member; one of them may be one block ahead.
        const double block = 4.0 * static_cast<double>(kShareElements);
        const auto allowed = [&](const std::vector<std::int64_t>& loads) {
          const std::int64_t sum = std::accumulate(loads.begin(), loads.end(), std::int64_t{0});
          return 0.03 + static_cast<double>(zero == 3 ? 4 : 3) * block * replicas * replicas / static_cast<double>(sum);
        };
        const std::vector<std::int64_t> kept = held(program, BufferRole::kParameter);
        CHECK(imbalance(kept) < allowed(kept));
        const std::vector<std::int64_t> gradients = held(program, BufferRole::kGradient);
        CHECK(imbalance(gradients) < allowed(gradients));
      }
    }
  }
}

TEST_CASE("a large tensor among small ones is owned by all alike", "[program][shares]") {
  // Twelve small layers, and a weight twice as large as all of them.
  GraphBuilder builder("embedding");
  const TensorType rows{DataType::kFloat32, {2, 1024}};
  TensorId x = builder.add_input("x", rows);
  const Initializer initial{};
  for (std::int64_t layer = 0; layer < 12; ++layer) {
    const std::string name = "fc" + std::to_string(layer);
    const TensorId weight = builder.add_parameter(name + ".weight", {DataType::kFloat32, {1024, 64}}, initial);
    const TensorId back = builder.add_parameter(name + ".back", {DataType::kFloat32, {64, 1024}}, initial);
    x = builder.add("Gemm", name + ".b", {builder.add("Gemm", name + ".a", {x, weight}), back});
  }
  const TensorId large = builder.add_parameter("head.weight", {DataType::kFloat32, {1024, 4096}}, initial);
  const TensorId target = builder.add_input("target", {DataType::kFloat32, {2, 4096}});
  builder.set_loss(builder.add("MeanSquaredError", "loss", {builder.add("Gemm", "head", {x, large}), target}),
                   LossReduction::kMean);
  const Graph forward = std::move(builder).build();
  for (const std::int32_t zero : {1, 2, 3}) {
    const Program program = compiled(forward, {.replicas = 8, .zero = zero});
    CAPTURE(zero);
    CHECK(check_program(program) == std::vector<std::string>{});
    CHECK(program.training.shares.size() == 2);  // the large weight and its gradient alone
    CHECK(imbalance(held(program, BufferRole::kParameter)) < 0.03);
    CHECK(imbalance(held(program, BufferRole::kGradient)) < 0.03);
  }
}

TEST_CASE("below level 1, and of one device, nothing is shared", "[program][shares]") {
  CHECK(compiled({.zero = 0}).training.shares.empty());
  CHECK(compiled({.replicas = 1, .zero = 3}).training.shares.empty());
}

TEST_CASE("broken shares are found", "[program][shares][check]") {
  const std::int32_t zero = GENERATE(2, 3);
  Program program = compiled({.seed = 2, .replicas = 2, .zero = zero});
  REQUIRE(check_program(program) == std::vector<std::string>{});
  REQUIRE(!program.training.shares.empty());
  const auto is_of_share = [&](const Instruction& instruction) {
    return program.training.whole_of_share.contains(instruction.tensor);
  };
  SECTION("a share that is not added") {
    Instruction& add = first_of(program, d1, [&](const Instruction& instruction) {
      return instruction.opcode == Opcode::kAccumulate && is_of_share(instruction);
    });
    add.opcode = Opcode::kCopy;
    CHECK(complains(program, "but finds"));
  }
  SECTION("a share in another one's place") {
    Instruction& received = first_of(program, d0, [&](const Instruction& instruction) {
      return instruction.opcode == Opcode::kReceive && is_of_share(instruction) && instruction.microbatch < 0;
    });
    IdVector<BufferId, Buffer>& buffers = program.devices[d0].buffers;
    for (const BufferId b : ids<BufferId>(buffers.size())) {
      const Buffer& other = buffers[b];
      const bool is_other = b != received.outputs.front() && program.training.whole_of_share.contains(other.tensor) &&
                            other.role == buffers[received.outputs.front()].role;
      if (is_other) {
        received.outputs.front() = b;
        break;
      }
    }
    CHECK(!check_program(program).empty());
  }
  SECTION("a whole beside its shares") {
    for (Buffer& buffer : program.devices[d1].buffers) {
      if (buffer.role == BufferRole::kWhole) buffer.offset_bytes += kBufferAlignment;
    }
    CHECK(complains(program, "a whole is not where its shares are"));
  }
}
