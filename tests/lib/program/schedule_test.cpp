// The schedules of the literature, task by task: GPipe (Huang et al., NeurIPS 2019) and 1F1B with a flush (Narayanan et
// al., ICML 2021; the order of each stage as in Narayanan et al., SC 2021, figure 4).
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/program/policy.hpp"
#include "lib/program/tasks.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Phase;
using mp::Schedule;
using mp::Segment;
using mp::Task;

namespace {

// p stages on p devices: forward segments 0 … p − 1, then backward segments of stages p − 1 … 0.
std::vector<Segment> chain(std::int32_t p) {
  std::vector<Segment> segments;
  for (const Phase pass : {Phase::kForward, Phase::kBackward}) {
    for (std::int32_t level = 0; level < p; ++level) {
      const std::int32_t stage = pass == Phase::kForward ? level : p - 1 - level;
      const auto number = static_cast<std::int32_t>(segments.size());
      std::vector<std::int32_t> successors;
      if (pass == Phase::kForward) successors.push_back(2 * p - 1 - stage);
      if (level + 1 < p) successors.push_back(number + 1);
      std::sort(successors.begin(), successors.end());
      segments.push_back({.device = mp::make_id<DeviceId>(stage),
                          .pass = pass,
                          .level = level,
                          .nodes = {},
                          .successors = successors,
                          .predecessors = 0});
    }
  }
  for (const Segment& segment : segments) {
    for (const std::int32_t to : std::vector(segment.successors)) ++segments[static_cast<std::size_t>(to)].predecessors;
  }
  return segments;
}

std::vector<Task> run(const std::vector<Segment>& segments, Schedule schedule, std::int32_t p, std::int32_t m) {
  std::vector<std::int64_t> durations;
  for (const Segment& segment : segments) durations.push_back(segment.pass == Phase::kForward ? 1 : 2);
  return list_schedule(segments, durations, mp::make_policy(schedule, segments, p, m), m);
}

// "F0 F1 B0 …" of one device.
std::string line(const std::vector<Segment>& segments, const std::vector<Task>& tasks, std::int32_t device) {
  std::string text;
  for (const Task& task : tasks) {
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    if (segment.device != mp::make_id<DeviceId>(device)) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}{}", segment.pass == Phase::kForward ? 'F' : 'B', task.microbatch);
  }
  return text;
}

// Stage r of p: p − r forward passes, then one forward after each backward.
std::string one_forward_one_backward(std::int32_t p, std::int32_t r, std::int32_t m) {
  std::string text;
  std::int32_t forward = 0;
  for (std::int32_t backward = 0; backward < m; ++backward) {
    for (; forward < std::min(m, backward + p - r); ++forward) text += fmt::format("F{} ", forward);
    text += fmt::format("B{} ", backward);
  }
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("gpipe on three stages runs all forward passes first", "[program][schedule]") {
  const std::vector<Segment> segments = chain(3);
  const std::vector<Task> tasks = run(segments, Schedule::kGpipe, 3, 4);
  for (std::int32_t device = 0; device < 3; ++device) {
    CHECK(line(segments, tasks, device) == "F0 F1 F2 F3 B0 B1 B2 B3");
  }
}

TEST_CASE("1f1b on four stages alternates after p - r forward passes", "[program][schedule]") {
  const std::vector<Segment> segments = chain(4);
  const std::vector<Task> tasks = run(segments, Schedule::k1f1b, 4, 6);
  CHECK(line(segments, tasks, 0) == "F0 F1 F2 F3 B0 F4 B1 F5 B2 B3 B4 B5");
  CHECK(line(segments, tasks, 1) == "F0 F1 F2 B0 F3 B1 F4 B2 F5 B3 B4 B5");
  CHECK(line(segments, tasks, 2) == "F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 B5");
  CHECK(line(segments, tasks, 3) == "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5");
}

TEST_CASE("1f1b has the order of the literature for any number of stages and microbatches", "[program][schedule]") {
  const std::int32_t p = GENERATE(1, 2, 3, 5, 8, 16);
  const std::int32_t m = GENERATE(1, 2, 3, 7, 16, 33);
  const std::vector<Segment> segments = chain(p);
  const std::vector<Task> tasks = run(segments, Schedule::k1f1b, p, m);
  for (std::int32_t r = 0; r < p; ++r) CHECK(line(segments, tasks, r) == one_forward_one_backward(p, r, m));
}

// Device 0 has stages 0 and 2, device 1 has stages 1 and 3: what an uncontiguous cut gives. Each microbatch crosses
// four times, the limit stays at two microbatches alive.
TEST_CASE("1f1b holds as many microbatches as devices work, however often the cut is crossed", "[program][schedule]") {
  std::vector<Segment> segments = chain(4);
  for (Segment& segment : segments) segment.device = mp::make_id<DeviceId>(mp::index(segment.device) % 2);
  const mp::SchedulePolicy policy = mp::make_policy(Schedule::k1f1b, segments, 2, 8);
  CHECK(policy.alive_limit == mp::IdVector<DeviceId, std::int32_t>{2, 2});
  const std::vector<Task> tasks = run(segments, Schedule::k1f1b, 2, 3);
  CHECK(tasks.size() == 24);
  CHECK(line(segments, tasks, 1) == "F0 F1 F0 F1 B0 B1 B0 B1 F2 F2 B2 B2");
}
