#include "lib/program/grid.hpp"

#include <string>

#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

namespace {

// Two stages, a forward pass of 1 s and a backward pass of 2 s, three microbatches; messages take no time.
std::string grid(mp::Schedule schedule, std::size_t columns) {
  const mp::Graph forward = mp::test::measured_chain({.stages = 2, .forward_s = 1.0, .backward_s = 2.0});
  const mp::Program program = compile(differentiate(forward, {.optimizer = {}, .microbatches = 3}),
                                      mp::test::contiguous_placement(forward, 2), {.schedule = schedule, .devices = 2});
  mp::Cluster cluster = mp::uniform_cluster(2);
  cluster.within_host = {.latency_s = 0.0, .bandwidth_bytes_per_s = 1e30};
  return schedule_grid(program, cluster, simulate(program, cluster), columns);
}

}  // namespace

TEST_CASE("a step is drawn as in the textbook", "[program][grid]") {
  CHECK(grid(mp::Schedule::kGpipe, 100) ==
        "0  F0-F1-F2-.........B0----B1----B2----\n"
        "1  ...F0-F1-F2-B0----B1----B2----......\n");
  CHECK(grid(mp::Schedule::k1f1b, 100) ==
        "0  F0-F1-......B0----F2-B1----...B2----\n"
        "1  ...F0-B0----F1-B1----F2-B2----......\n");
}

TEST_CASE("what has no room for its label is shortened", "[program][grid]") {
  CHECK(grid(mp::Schedule::kGpipe, 12) ==
        "0  FFF...B0B1B2\n"
        "1  .FFFB0B1B2..\n");
}
