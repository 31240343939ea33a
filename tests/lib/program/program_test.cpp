// Compiled programs: as text tables, and the property that guards the house: whatever the graph, the placement and the
// policy, a program has no fault, no deadlock, and keeps to its arena.
#include "lib/program/program.hpp"

#include <ctime>
#include <string>
#include <vector>

#include "lib/program/simulate.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Graph;
using mp::Program;
using mp::Schedule;

namespace {

struct Case {
  std::int32_t devices = 1;
  std::int32_t microbatches = 1;
  Schedule schedule = Schedule::k1f1b;
  std::int32_t alive_limit = 0;
  mp::OptimizerKind optimizer = mp::OptimizerKind::kAdamW;
};

Program compiled(const Graph& forward, const mp::Placement& placement, const Case& how) {
  mp::DifferentiateOptions options{.optimizer = {.kind = how.optimizer}, .microbatches = how.microbatches};
  return compile(differentiate(forward, options), placement,
                 {.schedule = how.schedule, .alive_limit = how.alive_limit, .devices = how.devices});
}

std::int64_t bytes_sent(const Program& program) {
  std::int64_t sum = 0;
  for (const mp::Message& message : program.messages) sum += message.size_bytes;
  return sum;
}

}  // namespace

TEST_CASE("two layers on two devices, three microbatches, 1f1b", "[program]") {
  const Graph forward = mp::test::two_layers();
  const Program program =
      compiled(forward, mp::test::contiguous_placement(forward, 2),
               {.devices = 2, .microbatches = 3, .schedule = Schedule::k1f1b, .optimizer = mp::OptimizerKind::kSgd});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(to_text(program, DeviceId{0}) ==
        "FEED x mb0\n"
        "F fc1 mb0\n"
        "F fc2 mb0\n"
        "SEND fc2 mb0 -> device 1\n"
        "FEED x mb1\n"
        "F fc1 mb1\n"
        "F fc2 mb1\n"
        "SEND fc2 mb1 -> device 1\n"
        "RECEIVE loss.grad.X mb0 <- device 1\n"
        "WAIT fc2 mb0 -> device 1\n"
        "B fc2.grad.A mb0\n"
        "B fc2.grad.B mb0\n"
        "B fc1.grad.B mb0\n"
        "B fc1.grad.C.sum mb0\n"
        "FEED x mb2\n"
        "WAIT fc2 mb1 -> device 1\n"
        "F fc1 mb2\n"
        "F fc2 mb2\n"
        "SEND fc2 mb2 -> device 1\n"
        "RECEIVE loss.grad.X mb1 <- device 1\n"
        "B fc2.grad.A mb1\n"
        "B fc2.grad.B mb1\n"
        "ADD fc2.grad.B mb1\n"
        "B fc1.grad.B mb1\n"
        "ADD fc1.grad.B mb1\n"
        "B fc1.grad.C.sum mb1\n"
        "ADD fc1.grad.C.sum mb1\n"
        "WAIT fc2 mb2 -> device 1\n"
        "RECEIVE loss.grad.X mb2 <- device 1\n"
        "B fc2.grad.A mb2\n"
        "B fc2.grad.B mb2\n"
        "ADD fc2.grad.B mb2\n"
        "B fc1.grad.B mb2\n"
        "ADD fc1.grad.B mb2\n"
        "B fc1.grad.C.sum mb2\n"
        "ADD fc1.grad.C.sum mb2\n"
        "U fc1.weight.update\n"
        "U fc1.bias.update\n"
        "U fc2.weight.update\n");
  CHECK(to_text(program, DeviceId{1}) ==
        "RECEIVE fc2 mb0 <- device 0\n"
        "FEED target mb0\n"
        "F loss mb0\n"
        "LOSS loss mb0\n"
        "B loss.grad mb0\n"
        "B loss.grad.X mb0\n"
        "SEND loss.grad.X mb0 -> device 0\n"
        "RECEIVE fc2 mb1 <- device 0\n"
        "FEED target mb1\n"
        "F loss mb1\n"
        "LOSS loss mb1\n"
        "B loss.grad mb1\n"
        "B loss.grad.X mb1\n"
        "SEND loss.grad.X mb1 -> device 0\n"
        "RECEIVE fc2 mb2 <- device 0\n"
        "FEED target mb2\n"
        "F loss mb2\n"
        "LOSS loss mb2\n"
        "B loss.grad mb2\n"
        "WAIT loss.grad.X mb0 -> device 0\n"
        "B loss.grad.X mb2\n"
        "SEND loss.grad.X mb2 -> device 0\n"
        "WAIT loss.grad.X mb1 -> device 0\n"
        "WAIT loss.grad.X mb2 -> device 0\n");
}

TEST_CASE("two layers on two devices, three microbatches, gpipe", "[program]") {
  const Graph forward = mp::test::two_layers();
  const Program program =
      compiled(forward, mp::test::contiguous_placement(forward, 2),
               {.devices = 2, .microbatches = 3, .schedule = Schedule::kGpipe, .optimizer = mp::OptimizerKind::kSgd});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(to_text(program, DeviceId{0}) ==
        "FEED x mb0\n"
        "F fc1 mb0\n"
        "F fc2 mb0\n"
        "SEND fc2 mb0 -> device 1\n"
        "FEED x mb1\n"
        "F fc1 mb1\n"
        "F fc2 mb1\n"
        "SEND fc2 mb1 -> device 1\n"
        "FEED x mb2\n"
        "F fc1 mb2\n"
        "WAIT fc2 mb0 -> device 1\n"
        "F fc2 mb2\n"
        "SEND fc2 mb2 -> device 1\n"
        "RECEIVE loss.grad.X mb0 <- device 1\n"
        "WAIT fc2 mb2 -> device 1\n"
        "B fc2.grad.A mb0\n"
        "WAIT fc2 mb1 -> device 1\n"
        "B fc2.grad.B mb0\n"
        "B fc1.grad.B mb0\n"
        "B fc1.grad.C.sum mb0\n"
        "RECEIVE loss.grad.X mb1 <- device 1\n"
        "B fc2.grad.A mb1\n"
        "B fc2.grad.B mb1\n"
        "ADD fc2.grad.B mb1\n"
        "B fc1.grad.B mb1\n"
        "ADD fc1.grad.B mb1\n"
        "B fc1.grad.C.sum mb1\n"
        "ADD fc1.grad.C.sum mb1\n"
        "RECEIVE loss.grad.X mb2 <- device 1\n"
        "B fc2.grad.A mb2\n"
        "B fc2.grad.B mb2\n"
        "ADD fc2.grad.B mb2\n"
        "B fc1.grad.B mb2\n"
        "ADD fc1.grad.B mb2\n"
        "B fc1.grad.C.sum mb2\n"
        "ADD fc1.grad.C.sum mb2\n"
        "U fc1.weight.update\n"
        "U fc1.bias.update\n"
        "U fc2.weight.update\n");
}

TEST_CASE("a program has no fault whatever the graph, the placement and the policy", "[program]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 60)));
  const Graph forward = mp::test::random_model(seed, 2 + static_cast<std::int32_t>(seed) / 2);
  for (const Schedule schedule : mp::kSchedules) {
    for (const std::int32_t microbatches : {1, 2, 5}) {
      const auto devices = static_cast<std::int32_t>(1 + (seed + static_cast<std::uint64_t>(microbatches)) % 8);
      const auto alive_limit = static_cast<std::int32_t>(seed % 3);  // 0: none
      const Case how{
          .devices = devices, .microbatches = microbatches, .schedule = schedule, .alive_limit = alive_limit};
      const mp::Placement placement = mp::test::random_placement(seed, forward, devices);
      const Program program = compiled(forward, placement, how);
      INFO("seed " << seed << ", " << devices << " devices, " << microbatches << " microbatches, "
                   << name_of(schedule));
      CHECK(check_program(program) == std::vector<std::string>{});
      CHECK(bytes_sent(program) == traffic(placement_units(program.training), placement).communication_volume);
      const mp::Simulation simulation = simulate(program, mp::uniform_cluster(devices));
      for (const DeviceId d : mp::ids<DeviceId>(program.devices.size())) {
        CHECK(simulation.devices[mp::index(d)].peak_memory_bytes <= program.devices[d].arena_bytes);
      }
    }
  }
}

TEST_CASE("the same compilation twice is the same program", "[program]") {
  const Graph forward = mp::test::random_model(7, 20);
  const mp::Placement placement = mp::test::random_placement(7, forward, 4);
  const Program one = compiled(forward, placement, {.devices = 4, .microbatches = 3});
  const Program two = compiled(forward, placement, {.devices = 4, .microbatches = 3});
  CHECK(one.devices == two.devices);
  CHECK(one.order == two.order);
  CHECK(one.messages == two.messages);
}

// The bounds are ten times what one busy core takes; a quadratic step would break them.
TEST_CASE("a hundred layers on eight devices compile and simulate in an instant", "[program]") {
  const Graph forward = mp::test::transformer_like(100, 64);
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 16});
  const auto compile_seconds = [&](const mp::Placement& placement, Program& program) {
    const std::clock_t start = std::clock();
    program = compile(training, placement, {.schedule = Schedule::k1f1b, .devices = 8});
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  Program program;
  CHECK(compile_seconds(mp::test::contiguous_placement(forward, 8), program) < 5.0);
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(program.order.size() > 50'000);
  const std::clock_t start = std::clock();
  const mp::Simulation simulation = simulate(program, mp::uniform_cluster(8));
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 10e-6 * static_cast<double>(program.order.size()));
  CHECK(simulation.bubble_fraction > 0.0);
  CHECK(compile_seconds(mp::test::random_placement(1, forward, 8), program) < 10.0);
  CHECK(check_program(program) == std::vector<std::string>{});
}
