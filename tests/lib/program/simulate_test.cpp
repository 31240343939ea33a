// Step times against hand calculation and the closed forms of the papers.
#include "lib/program/simulate.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "lib/program/trace.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Program;
using mp::Schedule;

namespace {

mp::Cluster cluster_with(std::int32_t devices, mp::Link link) {
  mp::Cluster cluster = mp::uniform_cluster(devices);
  cluster.within_host = link;
  return cluster;
}

constexpr mp::Link kInstant = {.latency_s = 0.0, .bandwidth_bytes_per_s = 1e30};

Program pipeline(const mp::test::ChainOptions& chain, std::int32_t microbatches, Schedule schedule,
                 const mp::Cluster* cluster = nullptr) {
  const mp::Graph forward = mp::test::measured_chain(chain);
  mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = microbatches});
  return compile(std::move(training), mp::test::contiguous_placement(forward, chain.stages),
                 {.schedule = schedule, .devices = chain.stages, .cluster = cluster});
}

// Most microbatches between the start of their forward and the end of their backward pass on a device.
std::int32_t most_alive(const Program& program, DeviceId d) {
  std::int32_t alive = 0;
  std::int32_t most = 0;
  for (const mp::Instruction& instruction : program.devices[d].instructions) {
    if (instruction.opcode != mp::Opcode::kCompute) continue;
    alive += program.training.phase[instruction.node] == mp::Phase::kForward ? 1 : -1;
    most = std::max(most, alive);
  }
  return most;
}

}  // namespace

// GPipe: Huang et al., NeurIPS 2019, section 2.3. 1F1B: Narayanan et al., SC 2021, section 2.2. Both: m + p − 1 slots
// of one forward and one backward pass, of which p − 1 are bubble; alive are m, or p − r, microbatches.
TEST_CASE("equal stages take the time and the memory of the papers", "[program][simulate]") {
  const std::int32_t p = GENERATE(1, 2, 4, 7);
  const std::int32_t m = GENERATE(1, 4, 8, 19);
  const double forward_s = 1.0;
  const double backward_s = GENERATE(1.0, 2.0, 2.5);
  const mp::test::ChainOptions chain{.stages = p, .forward_s = forward_s, .backward_s = backward_s};
  for (const Schedule schedule : {Schedule::kGpipe, Schedule::k1f1b}) {
    const Program program = pipeline(chain, m, schedule);
    const mp::Simulation simulation = simulate(program, cluster_with(p, kInstant));
    INFO("p " << p << ", m " << m << ", backward " << backward_s << " s, " << name_of(schedule));
    CHECK(check_program(program) == std::vector<std::string>{});
    CHECK(simulation.step_time_s == Approx((m + p - 1) * (forward_s + backward_s)));
    CHECK(simulation.bubble_fraction == Approx(static_cast<double>(p - 1) / (m + p - 1)).margin(1e-12));
    for (std::int32_t r = 0; r < p; ++r) {
      const std::int32_t alive = schedule == Schedule::kGpipe ? m : std::min(m, p - r);
      CHECK(most_alive(program, mp::make_id<DeviceId>(r)) == alive);
    }
  }
}

// Stage 0 computes 1 s, sends 10 B in 0.5 s + 10 B / (20 B/s) = 1 s; stage 1 computes forward and backward, 3 s, and
// sends 10 B back in 1 s; stage 0 computes backward, 2 s. One microbatch: 1 + 1 + 3 + 1 + 2 = 8 s.
TEST_CASE("a message takes the latency and the bytes of its link", "[program][simulate]") {
  const mp::Cluster cluster = cluster_with(2, {.latency_s = 0.5, .bandwidth_bytes_per_s = 20.0});
  const Program program =
      pipeline({.stages = 2, .forward_s = 1.0, .backward_s = 2.0, .tensor_bytes = 10}, 1, Schedule::k1f1b);
  const mp::Simulation simulation = simulate(program, cluster);
  CHECK(simulation.step_time_s == Approx(8.0));
  CHECK(simulation.devices[0].busy_s == Approx(3.0));
  CHECK(simulation.devices[1].busy_s == Approx(3.0));
  // The gradient has a place of its own: stage 0 need not wait until what it sent has left, only for the gradient.
  CHECK(simulation.devices[0].communication_s == Approx(1.0));
  CHECK(simulation.devices[0].idle_s == Approx(4.0));
  CHECK(simulation.bubble_fraction == Approx(1.0 - 6.0 / 16.0));
  const std::vector<mp::LinkTraffic> links = {{DeviceId{0}, DeviceId{1}, 10}, {DeviceId{1}, DeviceId{0}, 10}};
  CHECK(simulation.links == links);
}

// Two microbatches leave stage 0 one second apart, but the link needs 4 s for each: the second waits for the first.
TEST_CASE("messages on one link follow each other", "[program][simulate]") {
  const mp::Cluster cluster = cluster_with(2, {.latency_s = 0.0, .bandwidth_bytes_per_s = 1.0});
  const Program program =
      pipeline({.stages = 2, .forward_s = 1.0, .backward_s = 0.0, .tensor_bytes = 4}, 2, Schedule::kGpipe);
  CHECK(simulate(program, cluster).step_time_s == Approx(1.0 + 4.0 + 4.0 + 1.0));
}

// Filling the pipeline takes p − 1 transfers more than without links, and so does emptying it; all others move while
// both ends compute. If they did not, each of m microbatches would wait for two.
TEST_CASE("transfers of a pipeline move while its stages compute", "[program][simulate]") {
  const std::int32_t p = GENERATE(2, 4);
  const std::int32_t m = 16;
  const double transfer_s = GENERATE(0.25, 0.5, 1.0);
  const mp::Cluster cluster = cluster_with(p, {.latency_s = 0.0, .bandwidth_bytes_per_s = 4.0 / transfer_s});
  const mp::test::ChainOptions chain{.stages = p, .forward_s = 1.0, .backward_s = 2.0};
  const Program program = pipeline(chain, m, Schedule::kGpipe, &cluster);
  CAPTURE(p, transfer_s);
  CHECK(simulate(program, cluster).step_time_s == Approx((m + p - 1) * 3.0 + 2 * (p - 1) * transfer_s));
}

TEST_CASE("a link that is slower than the stages takes no more memory than a fast one, but for two tensors",
          "[program][simulate]") {
  constexpr std::int64_t kTensorBytes = 1024;
  const mp::test::ChainOptions chain{.stages = 3, .forward_s = 1.0, .backward_s = 2.0, .tensor_bytes = kTensorBytes};
  const mp::Cluster fast = cluster_with(3, kInstant);
  const mp::Cluster slow = cluster_with(3, {.latency_s = 10.0, .bandwidth_bytes_per_s = 1e3});
  for (const Schedule schedule : {Schedule::kGpipe, Schedule::k1f1b, Schedule::kZeroBubble}) {
    const Program on_fast = pipeline(chain, 16, schedule, &fast);
    const Program on_slow = pipeline(chain, 16, schedule, &slow);
    CHECK(check_program(on_slow) == std::vector<std::string>{});
    for (std::size_t d = 0; d < 3; ++d) {
      const auto device = mp::make_id<DeviceId>(d);
      CAPTURE(name_of(schedule), d);
      CHECK(on_slow.devices[device].arena_bytes <= on_fast.devices[device].arena_bytes + 2 * 2 * kTensorBytes);
    }
  }
}

TEST_CASE("every second of a device is busy, waiting for a message, or idle", "[program][simulate]") {
  const mp::Graph forward = mp::test::random_model(3, 30);
  mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 4});
  const Program program = compile(std::move(training), mp::test::random_placement(3, forward, 3),
                                  {.schedule = Schedule::k1f1b, .devices = 3});
  const mp::Simulation simulation = simulate(program, mp::uniform_cluster(3));
  std::vector<double> busy_s(3, 0.0);
  for (const mp::TimelineEvent& event : simulation.events) {
    CHECK(event.start_s < event.end_s);
    CHECK(event.end_s <= simulation.step_time_s + 1e-12);
    const auto position = static_cast<std::size_t>(event.instruction);
    if (program.devices[event.device].instructions[position].opcode == mp::Opcode::kSend) continue;
    busy_s[mp::index(event.device)] += event.end_s - event.start_s;
  }
  for (std::size_t d = 0; d < 3; ++d) {
    const mp::DeviceTimes& times = simulation.devices[d];
    CHECK(times.busy_s == Approx(busy_s[d]));
    CHECK(times.busy_s + times.communication_s + times.idle_s == Approx(simulation.step_time_s));
    CHECK(times.peak_memory_bytes == program.devices[mp::make_id<DeviceId>(d)].arena_bytes);
  }
}

TEST_CASE("a trace names devices, links and what they do", "[program][trace]") {
  const mp::Cluster cluster = cluster_with(2, {.latency_s = 1.0, .bandwidth_bytes_per_s = 1e30});
  const Program program = pipeline({.stages = 2, .forward_s = 1.0, .backward_s = 2.0}, 1, Schedule::k1f1b);
  const mp::Trace trace = trace_of(program, cluster, simulate(program, cluster));
  CHECK(trace.tracks == std::vector<std::string>{"device 0", "device 1", "device 0 → device 1", "device 1 → device 0"});
  const std::vector<mp::TraceSpan> spans = {
      {0, "s0 mb0", "forward", 0.0, 1.0},         {2, "s0.out mb0", "transfer", 1.0, 2.0},
      {1, "s1 mb0", "forward", 2.0, 3.0},         {1, "s1.grad mb0", "backward", 3.0, 5.0},
      {3, "s1.grad.0 mb0", "transfer", 5.0, 6.0}, {0, "s0.grad mb0", "backward", 6.0, 8.0}};
  CHECK(trace.spans == spans);
  REQUIRE_FALSE(trace.counters.empty());
  CHECK(trace.counters.front().name == "device 0 memory");
  CHECK(trace.counters.back().name == "device 1 memory");
  for (const mp::TraceCounter& counter : trace.counters) {
    const DeviceId d = counter.name == "device 0 memory" ? DeviceId{0} : DeviceId{1};
    CHECK(counter.bytes <= program.devices[d].arena_bytes);
  }
  const std::string json = to_trace_json(trace);
  CHECK(json.find(R"("traceEvents")") != std::string::npos);
  CHECK(json.find(R"({"name": "device 1 memory", "ph": "C", "pid": 0, "ts": )") != std::string::npos);
  CHECK(json.find(
            R"({"name": "s1.grad mb0", "cat": "backward", "ph": "X", "pid": 0, "tid": 1, "ts": 3e6, "dur": 2e6})") !=
        std::string::npos);
}
