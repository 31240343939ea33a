// Gradients of replicas travel in buckets.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

// Two replicas of a transformer of many small tensors, on a link of 10 GB/s.
struct Setting {
  double latency_s = 20e-6;
  std::int32_t zero = 0;
  std::int64_t bucket_bytes = kDefaultBucketBytes;
};

Cluster cluster_of(const Setting& setting) {
  Cluster cluster = uniform_cluster(2);
  cluster.within_host = {.latency_s = setting.latency_s, .bandwidth_bytes_per_s = 1e10};
  return cluster;
}

Program compiled(const Setting& setting) {
  const Graph forward = mp::test::transformer_like(8, 32);
  const Cluster cluster = cluster_of(setting);
  return compile(
      differentiate(forward, {.optimizer = {.kind = OptimizerKind::kSgd, .momentum = 0.9}, .microbatches = 2}),
      Placement(forward.nodes().size(), d0),
      {.devices = 2,
       .cluster = &cluster,
       .replicas = {{d0, d1}},
       .zero = setting.zero,
       .bucket_bytes = setting.bucket_bytes});
}

std::size_t tensors_sent(const Program& program) {
  std::size_t sum = 0;
  for (const Message& message : program.messages) sum += 1 + message.others.size();
  return sum;
}

std::int64_t largest_bucket(const Program& program) {
  std::int64_t most = 0;
  for (const Message& message : program.messages) {
    if (!message.others.empty()) most = std::max(most, message.size_bytes);
  }
  return most;
}

// The first bucket that a device sends.
Instruction& bucket_of(Program& program, DeviceId device) {
  for (Instruction& instruction : program.devices[device].instructions) {
    if (instruction.opcode == Opcode::kSend && instruction.inputs.size() > 1) return instruction;
  }
  FAIL("no bucket");
  return program.devices[device].instructions.front();
}

}  // namespace

TEST_CASE("small gradients share messages where a link has latency", "[program][buckets]") {
  for (const std::int32_t zero : {0, 1, 2}) {
    const Program buckets = compiled({.zero = zero});
    const Program singles = compiled({.zero = zero, .bucket_bytes = 1});
    CHECK(check_program(buckets) == std::vector<std::string>{});
    CHECK(check_program(singles) == std::vector<std::string>{});
    CHECK(tensors_sent(buckets) == singles.messages.size());
    const Cluster cluster = cluster_of({});
    const double with_s = simulate(buckets, cluster).step_time_s;
    const double without_s = simulate(singles, cluster).step_time_s;
    CAPTURE(zero, buckets.messages.size(), singles.messages.size(), with_s, without_s);
    CHECK(buckets.messages.size() * 3 < singles.messages.size());
    CHECK(with_s < 0.7 * without_s);
  }
}

TEST_CASE("a bucket is no larger than it may be, and waits for nothing where messages cost nothing",
          "[program][buckets]") {
  constexpr std::int64_t kMost = 10'000;
  const Program small = compiled({.bucket_bytes = kMost});
  CHECK(check_program(small) == std::vector<std::string>{});
  CHECK(largest_bucket(small) <= kMost);
  CHECK(largest_bucket(small) > kMost / 2);
  // Without latency a gradient joins another only while the link is busy with earlier ones: no later than by itself.
  const Setting instant{.latency_s = 0.0};
  const Setting alone{.latency_s = 0.0, .bucket_bytes = 1};
  const double with_s = simulate(compiled(instant), cluster_of(instant)).step_time_s;
  CHECK(with_s <= 1.02 * simulate(compiled(alone), cluster_of(instant)).step_time_s);
}

TEST_CASE("broken buckets are found", "[program][buckets][check]") {
  Program program = compiled({});
  REQUIRE(check_program(program) == std::vector<std::string>{});
  Instruction& send = bucket_of(program, d1);
  Message& message = program.messages[static_cast<std::size_t>(send.message)];
  SECTION("two parts in each other's place") {
    std::swap(send.inputs[0], send.inputs[1]);
    CHECK(!check_program(program).empty());
  }
  SECTION("a part less than the message has") {
    send.inputs.pop_back();
    CHECK(!check_program(program).empty());
  }
  SECTION("a part that is another tensor") {
    message.others.front() = message.tensor;
    CHECK(!check_program(program).empty());
  }
  SECTION("a message that is too short for its parts") {
    message.size_bytes -= 4;
    CHECK(!check_program(program).empty());
  }
  SECTION("parts that do not lie side by side") {
    IdVector<BufferId, Buffer>& buffers = program.devices[d1].buffers;
    buffers[send.inputs.back()].offset_bytes += kBufferAlignment;
    program.devices[d1].arena_bytes += kBufferAlignment;
    CHECK(!check_program(program).empty());
  }
}
