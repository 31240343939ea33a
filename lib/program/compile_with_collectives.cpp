#include "lib/program/compile_with_collectives.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/program/collectives.hpp"

namespace mp {
namespace {

SimulatedProgram simulated(Program program, const Cluster& cluster) {
  Simulation simulation = simulate(program, cluster);
  return {std::move(program), std::move(simulation)};
}

std::int64_t bytes_over(const Program& program, const Cluster& cluster) {
  std::int64_t over = 0;
  for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
    const std::int64_t limit = cluster.type_of(d).memory_bytes;
    if (limit > 0) over = std::max(over, program.devices[d].arena_bytes - limit);
  }
  return over;
}

bool is_better(const SimulatedProgram& a, const SimulatedProgram& b, const Cluster& cluster) {
  return std::pair(bytes_over(a.program, cluster), a.simulation.step_time_s) <
         std::pair(bytes_over(b.program, cluster), b.simulation.step_time_s);
}

}  // namespace

SimulatedProgram compile_with_collectives(const TrainingGraph& training, const Placement& placement,
                                          CompileOptions options) {
  MP_CHECK(options.cluster != nullptr);
  const Cluster& cluster = *options.cluster;
  options.collectives = false;
  SimulatedProgram by_messages = simulated(compile(training, placement, options), cluster);
  if (options.replicas.empty()) return by_messages;
  // Under ZeRO some are there from the start; without it they take the messages' places.
  options.collectives = options.zero > 0;
  Program whole = options.collectives ? compile(training, placement, options) : by_messages.program;
  SimulatedProgram by_collectives = simulated(with_collectives(std::move(whole), cluster), cluster);
  return is_better(by_messages, by_collectives, cluster) ? std::move(by_messages) : std::move(by_collectives);
}

SimulatedProgram compile_and_simulate(const TrainingGraph& training, const Placement& placement,
                                      const CompileOptions& options, const Cluster& times) {
  if (!options.collectives) return simulated(compile(training, placement, options), times);
  SimulatedProgram made = compile_with_collectives(training, placement, options);
  if (&times != options.cluster) made.simulation = simulate(made.program, times);
  return made;
}

}  // namespace mp
