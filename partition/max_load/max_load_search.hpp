// A model on a cluster at the least max-load: pipelines exactly, other placements by search, and how good that is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"
#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct MaxLoadOptions {
  bool contiguous = false;  // pipelines alone
  std::uint64_t seed = 1;
  std::int64_t steps = 60'000'000;       // of annealing
  std::optional<double> time_limit_s{};  // ends the search early; results then depend on the machine
  const std::atomic<bool>* stop{};       // where not null: once true, as if the time limit had come
  std::function<void(const std::string& line)> progress = [](const std::string&) {};
};

struct LoadCandidate {
  std::string algorithm;          // "ideals": dynamic programming over pipelines; "annealing"
  Placement placement;            // of the forward nodes
  std::vector<DeviceLoad> loads;  // of every device
  Traffic traffic;
  double max_load_s = 0.0;
  double seconds = 0.0;  // that finding it took
};

struct MaxLoadSearch {
  std::vector<LoadCandidate> candidates;
  std::size_t chosen = 0;
  double lower_bound_s = 0.0;  // of what was asked for: of pipelines when `contiguous`
  bool optimal = false;
  std::size_t ideals = 0;  // 0: too many to go through all
};

// Throws InfeasibleError where no placement keeps the memory of the devices (or none was found), UsageError for a
// contiguous placement of a model that pins nodes.
[[nodiscard]] MaxLoadSearch search_max_load(const TrainingGraph& training, const PlacementUnits& units,
                                            const Cluster& cluster, const MaxLoadOptions& options);

}  // namespace mp::partition
