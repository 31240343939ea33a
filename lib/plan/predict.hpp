// What a plan promises: every number comes from the Program that will run.
#pragma once

#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/plan.hpp"
#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"
#include "lib/training/flows.hpp"

namespace mp {

// `units` are those of program.training. Cut and volume are exact (traffic());
// with replicas the volume counts all that is sent, their gradients and parameters, too; memory is the arena of each
// device, plus what measured nodes say they keep besides; step time and bubble are the simulator's. Imbalance of
// compute is that of seconds per step on each device's own type; imbalance of memory that of bytes relative to the
// device's memory, or of bytes where some device has no limit.
[[nodiscard]] Prediction predict(const Program& program, const PlacementUnits& units, const Cluster& cluster);
// The same of a program that was simulated before.
[[nodiscard]] Prediction predict(const Program& program, const Simulation& simulation, const PlacementUnits& units,
                                 const Cluster& cluster);

// Of compute_share and memory_bytes.
[[nodiscard]] Imbalance imbalance_of(const std::vector<DevicePrediction>& devices, const Cluster& cluster);

// Devices whose memory the plan overfills.
[[nodiscard]] std::vector<DeviceId> overfull_devices(const Prediction& prediction, const Cluster& cluster);

}  // namespace mp
