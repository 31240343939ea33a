// Orders of a model's units along which better pipelines lie than along the order of its file.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"
#include "partition/search/model_chain.hpp"

namespace mp::partition {

struct StageOrder {
  std::size_t stages = 0;  // of the pipeline that it was made for
  std::vector<UnitId> units;
  Placement placement;  // of the forward nodes: the pipeline itself
};

// Where a model branches, the stages of the best pipeline need not be stretches of one order. For every number of
// stages from 2 to `most_stages`, on the first devices of `devices`: the pipeline of least max load, by dynamic
// programming over ideals (best_contiguous()), and, where it beats all that are stretches of the model's order by a
// thousandth, the units stage after stage. Nothing for models with pins, and where the ideals are too many.
[[nodiscard]] std::vector<StageOrder> stage_orders(const TrainingGraph& training, const PlacementUnits& units,
                                                   const Cluster& cluster, const std::vector<DeviceId>& devices,
                                                   std::size_t most_stages);

}  // namespace mp::partition
