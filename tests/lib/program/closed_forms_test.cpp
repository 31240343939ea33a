// Waits and memory of the schedules on equal stages: the closed forms of the papers.
// p devices, m microbatches, v stages a device; F, B seconds of a forward and a backward pass of one stage (of a v-th
// of a device), W the part of B that only makes weight gradients, I = B − W.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/lib/support/stage_chain.hpp"
#include "tests/support/catch.hpp"

using mp::Schedule;
using mp::test::StageChain;

namespace {

std::vector<std::int64_t> same_on_all(std::int32_t p, std::int64_t value) {
  return std::vector<std::int64_t>(static_cast<std::size_t>(p), value);
}

struct Times {
  std::int64_t forward;
  std::int64_t input_gradient;
  std::int64_t weight_gradient;
};

}  // namespace

// Huang et al., NeurIPS 2019, section 2.3: (p − 1)/(m + p − 1) of the time is bubble; all m microbatches are kept.
// Narayanan et al., SC 2021, section 2.2.1: 1F1B waits as long, and keeps p − r on stage r.
TEST_CASE("gpipe and 1f1b wait (p - 1)(F + B)", "[program][schedule]") {
  const std::int32_t p = GENERATE(1, 2, 3, 4, 7, 16);
  const std::int32_t m = GENERATE(1, 2, 5, 8, 16, 33);
  const std::int64_t backward = GENERATE(2, 3, 5);
  const StageChain chain{.devices = p, .forward = 2, .backward = backward};
  const std::vector<mp::TimedTask> gpipe = run(chain, Schedule::kGpipe, m);
  const std::vector<mp::TimedTask> one_forward_one_backward = run(chain, Schedule::k1f1b, m);
  CHECK(bubbles(chain, gpipe) == same_on_all(p, (p - 1) * (2 + backward)));
  CHECK(bubbles(chain, one_forward_one_backward) == same_on_all(p, (p - 1) * (2 + backward)));
  std::vector<std::int32_t> p_minus_r;
  for (std::int32_t r = 0; r < p; ++r) p_minus_r.push_back(std::min(m, p - r));
  CHECK(most_kept(chain, gpipe) == std::vector<std::int32_t>(static_cast<std::size_t>(p), m));
  CHECK(most_kept(chain, one_forward_one_backward) == p_minus_r);
}

// Narayanan et al., SC 2021, section 2.2.2: (p − 1)(F + B)/v, where F and B are those of a device, hence (p − 1)(F + B)
// with those of a stage. The number of forward tasks before the first backward one is that of its Megatron-LM.
TEST_CASE("interleaved waits a v-th of 1f1b", "[program][schedule]") {
  const std::int32_t p = GENERATE(1, 2, 3, 4, 8);
  const std::int32_t v = GENERATE(1, 2, 3, 5);
  const std::int32_t m = p * GENERATE(1, 2, 7) + GENERATE(0, 1, 2);
  const std::int64_t backward = GENERATE(1, 2, 3);
  const StageChain chain{.devices = p, .stages_per_device = v, .forward = 1, .backward = backward};
  const std::vector<mp::TimedTask> tasks = run(chain, Schedule::kInterleaved, m);
  CHECK(bubbles(chain, tasks) == same_on_all(p, (p - 1) * (1 + backward)));
  std::vector<std::int32_t> ahead;
  for (std::int32_t r = 0; r < p; ++r) {
    ahead.push_back(std::min(v * m, v == 1 ? p - r : (v - 1) * p + 2 * (p - 1 - r) + 1));
  }
  if (m % p == 0) CHECK(most_kept(chain, tasks) == ahead);
}

// Qi et al., ICLR 2024, section 2.3 and table 2: ZB-H1 waits (p − 1)(F + I − W) and keeps p microbatches on every
// stage.
TEST_CASE("zero-bubble waits (p - 1)(F + B - 2W)", "[program][schedule]") {
  const std::int32_t p = GENERATE(1, 2, 3, 4, 8);
  const std::int32_t m = p * GENERATE(1, 2, 3, 5) + GENERATE(0, 1);
  const auto [f, i, w] = GENERATE(Times{1, 1, 1}, Times{2, 2, 1}, Times{4, 5, 4}, Times{3, 4, 3});
  const StageChain chain{.devices = p, .forward = f, .backward = i, .weight_gradient = w};
  const std::vector<mp::TimedTask> tasks = run(chain, Schedule::kZeroBubble, m);
  INFO("p " << p << ", m " << m << ", F " << f << ", I " << i << ", W " << w);
  CHECK(bubbles(chain, tasks) == same_on_all(p, (p - 1) * (f + i - w)));
  const std::vector<std::int32_t> kept = most_kept(chain, tasks);
  CHECK(*std::max_element(kept.begin(), kept.end()) == p);
}

// The same within the stages of an interleaved pipeline: a v-th of the wait.
TEST_CASE("interleaved zero-bubble waits at most (p - 1)(F + B - 2W)/v", "[program][schedule]") {
  const std::int32_t p = GENERATE(2, 3, 4, 8);
  const std::int32_t v = GENERATE(2, 3, 4);
  const std::int32_t m = p * GENERATE(1, 2, 4);
  const auto [f, i, w] = GENERATE(Times{1, 1, 1}, Times{2, 2, 1}, Times{3, 4, 2}, Times{4, 5, 4}, Times{3, 4, 3});
  const StageChain chain{.devices = p, .stages_per_device = v, .forward = f, .backward = i, .weight_gradient = w};
  const std::vector<mp::TimedTask> tasks = run(chain, Schedule::kZeroBubble, m);
  INFO("p " << p << ", v " << v << ", m " << m << ", F " << f << ", I " << i << ", W " << w);
  for (const std::int64_t bubble : bubbles(chain, tasks)) CHECK(bubble <= (p - 1) * (f + i - w));
  for (const std::int32_t kept : most_kept(chain, tasks)) CHECK(kept <= (v - 1) * p + 2 * (p - 1) + 1);
}

// With passes of one length p microbatches are enough for it.
TEST_CASE("interleaved zero-bubble with p microbatches kept waits (p - 1)(F + B - 2W)/v", "[program][schedule]") {
  const std::int32_t p = GENERATE(2, 3, 4, 8);
  const std::int32_t v = GENERATE(2, 3);
  const std::int32_t m = p * GENERATE(1, 2, 4);
  const StageChain chain{.devices = p, .stages_per_device = v, .forward = 1, .backward = 1, .weight_gradient = 1};
  mp::SchedulePolicy policy = make_policy(Schedule::kZeroBubble, segments_of(chain), p, m);
  for (std::int32_t& limit : policy.kept_limit) limit = v * p;
  for (std::int32_t& limit : policy.ahead_limit) limit = std::min(limit, v * p);
  const std::vector<mp::TimedTask> tasks = run(chain, policy, m);
  CHECK(bubbles(chain, tasks) == same_on_all(p, p - 1));
  for (const std::int32_t kept : most_kept(chain, tasks)) CHECK(kept <= v * p);
}

TEST_CASE("zero-bubble is never slower than the schedule it fills", "[program][schedule]") {
  const std::int32_t p = GENERATE(2, 3, 5, 8);
  const std::int32_t v = GENERATE(1, 2, 3);
  const std::int32_t m = GENERATE(1, 2, 7, 16);
  const auto [f, i, w] = GENERATE(Times{1, 1, 5}, Times{3, 1, 1}, Times{5, 7, 3}, Times{2, 9, 4}, Times{8, 3, 5});
  const StageChain split{.devices = p, .stages_per_device = v, .forward = f, .backward = i, .weight_gradient = w};
  const StageChain whole{.devices = p, .stages_per_device = v, .forward = f, .backward = i + w};
  INFO("p " << p << ", v " << v << ", m " << m << ", F " << f << ", I " << i << ", W " << w);
  CHECK(bubbles(split, run(split, Schedule::kZeroBubble, m))[0] <=
        bubbles(whole, run(whole, Schedule::kInterleaved, m))[0]);
}
