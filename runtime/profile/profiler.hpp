// Measures a model on this machine: docs/profile-format.md.
#pragma once

#include <cstddef>

#include "lib/costs/profile.hpp"
#include "lib/training/training_graph.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"
#include "runtime/profile/measured_steps.hpp"

namespace mp::runtime {

struct ProfileJob {
  TrainingGraph training;  // of one microbatch; with more than one microbatch, accumulations are measured, too
  const DataSource* data = nullptr;
  std::size_t devices = 1;  // plan devices, each on a backend of its own
  MeasureOptions steps;
};

// Trains the whole model on one device, made by `alone`, then on `devices` devices at once, each the whole model, made
// by `together`; times every node, feed, copy and accumulation; then the messages between all pairs. Fills measured,
// device, links, transfer_by and the overheads of a step; the caller knows the rest. Throws RunError where a device
// cannot hold or run the model.
[[nodiscard]] Profile profile(const ProfileJob& job, const BackendFactory& alone, const BackendFactory& together);

}  // namespace mp::runtime
