// The program that will run on a cluster, by collectives or by messages, whichever is simulated to take less time.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

struct SimulatedProgram {
  Program program;
  Simulation simulation;
};

// For a transport that has collectives. Replicas exchange by them (CompileOptions::collectives, which is not read here,
// and with_collectives()), unless messages alone take less of the devices' memory where that is too little, or else
// less time: with small tensors on many hosts the latencies of a ring weigh more. The two are compared on
// options.cluster, which is given; so the program depends on plan and model alone, and planner and trainer come to the
// same one.
[[nodiscard]] SimulatedProgram compile_with_collectives(const TrainingGraph& training, const Placement& placement,
                                                        CompileOptions options);

// The above where options.collectives says so, else messages alone; simulated on `times`, options.cluster perhaps with
// measured times.
[[nodiscard]] SimulatedProgram compile_and_simulate(const TrainingGraph& training, const Placement& placement,
                                                    const CompileOptions& options, const Cluster& times);

}  // namespace mp
