// How many tasks a second the scheduler orders and the simulator walks through, on one core: a pipeline of equal
// stages, whose step time is known (Narayanan et al., SC 2021, section 2.2), so that what is timed is right, too.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <string_view>
#include <vector>

#include "lib/program/simulate.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/lib/support/stage_chain.hpp"

namespace {

constexpr int kRuns = 5;

struct Rate {
  double median_per_s = 0.0;
  double lowest_per_s = 0.0;
  double highest_per_s = 0.0;
};

// Tasks per second of CPU time: once to warm up, then kRuns times.
template <class Run>
Rate rate_of(std::size_t tasks, Run run) {
  run();
  std::vector<double> rates;
  for (int i = 0; i < kRuns; ++i) {
    const std::clock_t start = std::clock();
    run();
    const double seconds = static_cast<double>(std::max<std::clock_t>(std::clock() - start, 1)) / CLOCKS_PER_SEC;
    rates.push_back(static_cast<double>(tasks) / seconds);
  }
  std::sort(rates.begin(), rates.end());
  return {rates[kRuns / 2], rates.front(), rates.back()};
}

void print(std::string_view what, std::size_t tasks, const Rate& rate) {
  fmt::print("{:<28}{:>12} tasks{:>10.2f} million/s (of {} runs: {:.2f} … {:.2f})\n", what, tasks,
             rate.median_per_s / 1e6, kRuns, rate.lowest_per_s / 1e6, rate.highest_per_s / 1e6);
}

void time_scheduler(std::int32_t devices, std::int32_t microbatches) {
  for (const mp::Schedule schedule : mp::kSchedules) {
    const std::int32_t stages = schedule == mp::Schedule::kInterleaved ? 4 : 1;
    const std::int64_t apart = schedule == mp::Schedule::kZeroBubble ? 1 : 0;
    const mp::test::StageChain chain{
        .devices = devices, .stages_per_device = stages, .forward = 1, .backward = 2 - apart, .weight_gradient = apart};
    const std::vector<mp::Segment> segments = segments_of(chain);
    const std::vector<std::int64_t> durations = durations_of(chain);
    const mp::SchedulePolicy policy = make_policy(schedule, segments, devices, microbatches);
    const std::size_t tasks = segments.size() * static_cast<std::size_t>(microbatches);
    std::size_t ordered = 0;
    const Rate rate =
        rate_of(tasks, [&] { ordered = list_schedule(segments, durations, policy, microbatches).size(); });
    print(fmt::format("schedule, {}", name_of(schedule)), ordered, rate);
  }
}

// False: the simulated step is not as long as it must be.
bool time_simulator(std::int32_t devices, std::int32_t microbatches) {
  const mp::Graph forward = mp::test::measured_chain({.stages = devices});
  const mp::Program program =
      compile(differentiate(forward, {.optimizer = {}, .microbatches = microbatches}),
              mp::test::contiguous_placement(forward, devices), {.schedule = mp::Schedule::k1f1b, .devices = devices});
  mp::Cluster cluster = mp::uniform_cluster(devices);
  cluster.within_host = {.latency_s = 0.0, .bandwidth_bytes_per_s = 1e30};
  std::size_t computes = 0;
  for (const mp::DeviceProgram& device : program.devices) {
    for (const mp::Instruction& instruction : device.instructions) {
      computes += instruction.opcode == mp::Opcode::kCompute ? 1U : 0U;
    }
  }
  double step_s = 0.0;
  const auto run = [&] { step_s = simulate(program, cluster).step_time_s; };
  print("simulate, computes+transfers", computes + program.messages.size(),
        rate_of(computes + program.messages.size(), run));
  print("simulate, instructions", program.order.size(), rate_of(program.order.size(), run));
  const double expected_s = 3.0 * (microbatches + devices - 1);  // forward 1 s, backward 2 s
  fmt::print("step {} s, expected {} s\n", step_s, expected_s);
  return std::abs(step_s - expected_s) < 1e-6 * expected_s;
}

std::int32_t number(const char* text, std::int32_t fallback) {
  if (text == nullptr) return fallback;
  const std::string_view view(text);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  return error == std::errc{} && end == view.data() + view.size() && value > 0 ? value : -1;
}

}  // namespace

int main(int count, char** arguments) {
  const std::int32_t devices = number(count > 1 ? arguments[1] : nullptr, 32);
  const std::int32_t microbatches = number(count > 2 ? arguments[2] : nullptr, 2048);
  if (devices < 0 || microbatches < 0 || count > 3) {
    fmt::print(stderr, "usage: simulate-benchmark [DEVICES [MICROBATCHES]]\n");
    return 2;
  }
  fmt::print("{} devices, {} microbatches, one core\n", devices, microbatches);
  time_scheduler(devices, microbatches);
  return time_simulator(devices, microbatches) ? 0 : 1;
}
