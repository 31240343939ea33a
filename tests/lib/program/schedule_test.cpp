// The schedules of the literature, task by task: GPipe (Huang et al., NeurIPS 2019) and 1F1B with a flush (Narayanan et
// al., ICML 2021; the order of each stage as in Narayanan et al., SC 2021, figure 4).
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/lib/support/stage_chain.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Schedule;
using mp::Segment;
using mp::TimedTask;
using mp::test::StageChain;

namespace {

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
  const StageChain chain{.devices = 3};
  const std::vector<TimedTask> tasks = run(chain, Schedule::kGpipe, 4);
  for (std::int32_t device = 0; device < 3; ++device) CHECK(line(chain, tasks, device) == "F0 F1 F2 F3 B0 B1 B2 B3");
}

TEST_CASE("1f1b on four stages alternates after p - r forward passes", "[program][schedule]") {
  const StageChain chain{.devices = 4};
  const std::vector<TimedTask> tasks = run(chain, Schedule::k1f1b, 6);
  CHECK(line(chain, tasks, 0) == "F0 F1 F2 F3 B0 F4 B1 F5 B2 B3 B4 B5");
  CHECK(line(chain, tasks, 1) == "F0 F1 F2 B0 F3 B1 F4 B2 F5 B3 B4 B5");
  CHECK(line(chain, tasks, 2) == "F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 B5");
  CHECK(line(chain, tasks, 3) == "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5");
}

TEST_CASE("1f1b has the order of the literature for any number of stages and microbatches", "[program][schedule]") {
  const std::int32_t p = GENERATE(1, 2, 3, 5, 8, 16);
  const std::int32_t m = GENERATE(1, 2, 3, 7, 16, 33);
  const StageChain chain{.devices = p};
  const std::vector<TimedTask> one_stage = run(chain, Schedule::k1f1b, m);
  const std::vector<TimedTask> interleaved = run(chain, Schedule::kInterleaved, m);
  for (std::int32_t r = 0; r < p; ++r) {
    CHECK(line(chain, one_stage, r) == one_forward_one_backward(p, r, m));
    CHECK(line(chain, interleaved, r) == one_forward_one_backward(p, r, m));
  }
}

// Narayanan et al., SC 2021, figure 4: four devices, two stages each, eight microbatches.
TEST_CASE("interleaved has the order of its figure", "[program][schedule]") {
  const StageChain chain{.devices = 4, .stages_per_device = 2};
  const std::vector<TimedTask> tasks = run(chain, Schedule::kInterleaved, 8);
  CHECK(line(chain, tasks, 0) ==
        "F0.0 F1.0 F2.0 F3.0 F0.1 F1.1 F2.1 F3.1 F4.0 F5.0 F6.0 B0.1 F7.0 B1.1 F4.1 B2.1 F5.1 B3.1 F6.1 B0.0 F7.1 B1.0 "
        "B2.0 B3.0 B4.1 B5.1 B6.1 B7.1 B4.0 B5.0 B6.0 B7.0");
  CHECK(line(chain, tasks, 3) ==
        "F0.0 F1.0 F2.0 F3.0 F0.1 B0.1 F1.1 B1.1 F2.1 B2.1 F3.1 B3.1 F4.0 B0.0 F5.0 B1.0 F6.0 B2.0 F7.0 B3.0 F4.1 B4.1 "
        "F5.1 B5.1 F6.1 B6.1 F7.1 B7.1 B4.0 B5.0 B6.0 B7.0");
}

// Qi et al., ICLR 2024, figure 3 (top): four devices, eight microbatches, passes of one length.
TEST_CASE("zero-bubble has the order of ZB-H1", "[program][schedule]") {
  const StageChain chain{.devices = 4, .forward = 1, .backward = 1, .weight_gradient = 1};
  const std::vector<TimedTask> tasks = run(chain, Schedule::kZeroBubble, 8);
  CHECK(line(chain, tasks, 0) == "F0 F1 F2 F3 B0 W0 F4 B1 W1 F5 B2 W2 F6 B3 W3 F7 B4 W4 B5 W5 B6 W6 B7 W7");
  CHECK(line(chain, tasks, 3) == "F0 B0 F1 B1 F2 B2 F3 B3 W0 F4 B4 W1 F5 B5 W2 F6 B6 W3 F7 B7 W4 W5 W6 W7");
}

// Device 0 has stages 0 and 2, device 1 has stages 1 and 3: what an uncontiguous cut gives. Each microbatch crosses
// four times, the limit stays at two microbatches alive.
TEST_CASE("1f1b holds as many microbatches as devices work, however often the cut is crossed", "[program][schedule]") {
  const StageChain chain{.devices = 2, .stages_per_device = 2};
  const mp::SchedulePolicy policy = make_policy(Schedule::k1f1b, segments_of(chain), 2, 8);
  CHECK(policy.alive_limit == mp::IdVector<DeviceId, std::int32_t>{2, 2});
  const std::vector<TimedTask> tasks = run(chain, Schedule::k1f1b, 3);
  CHECK(tasks.size() == 24);
  CHECK(line(chain, tasks, 1) == "F0.0 F1.0 F0.1 F1.1 B0.1 B1.1 B0.0 B1.0 F2.0 F2.1 B2.1 B2.0");
}
