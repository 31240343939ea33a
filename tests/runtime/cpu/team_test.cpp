#include "runtime/cpu/team.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.hpp"

namespace mp::runtime {

TEST_CASE("a team runs every part once, and no worker two at a time") {
  for (const int threads : {1, 2, 4}) {
    Team team(threads);
    REQUIRE(team.threads() == threads);
    for (const std::int64_t parts : {0, 1, 2, 3, 100}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(parts));
      std::vector<std::atomic<int>> busy(static_cast<std::size_t>(threads));
      std::atomic<int> collisions = 0;
      team.for_each(parts, [&](std::int64_t part, int worker) {
        if (busy[static_cast<std::size_t>(worker)].fetch_add(1) != 0) ++collisions;
        ++runs[static_cast<std::size_t>(part)];
        busy[static_cast<std::size_t>(worker)].fetch_sub(1);
      });
      CHECK(collisions == 0);
      for (const auto& count : runs) CHECK(count == 1);
    }
  }
}

TEST_CASE("ranges cover a size without overlap") {
  Team team(3);
  for (const std::int64_t size : {0, 1, 9, 10, 11, 1000}) {
    std::vector<std::atomic<int>> touched(static_cast<std::size_t>(size));
    team.for_range(size, 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++touched[static_cast<std::size_t>(i)];
    });
    for (const auto& count : touched) CHECK(count == 1);
  }
}

TEST_CASE("an exception of a part reaches the caller, and the team goes on") {
  Team team(3);
  for (int round = 0; round < 50; ++round) {
    CHECK_THROWS_AS(team.for_each(20,
                                  [](std::int64_t part, int) {
                                    if (part == 7) throw std::runtime_error("seven");
                                  }),
                    std::runtime_error);
    std::atomic<std::int64_t> sum = 0;
    team.for_each(20, [&](std::int64_t part, int) { sum += part; });
    CHECK(sum == 190);
  }
}

TEST_CASE("many short pieces of work one after the other are all done") {
  Team team(4);
  std::atomic<std::int64_t> sum = 0;
  for (int round = 0; round < 5000; ++round) team.for_each(5, [&](std::int64_t part, int) { sum += part; });
  CHECK(sum == 50000);
}

}  // namespace mp::runtime
