// A model as a chain of placement units: what any stretch of it costs, in constant time. The planner's fast view of a
// pipeline; the simulator's word is final.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"
#include "partition/search/lanes.hpp"

namespace mp::partition {

// Seconds on one device type. Passes: one microbatch; update: once a step.
struct StageSeconds {
  double forward_s = 0.0;
  double backward_s = 0.0;  // with adding its gradients to those of the microbatches before
  double update_s = 0.0;
  [[nodiscard]] double pass_s() const { return forward_s + backward_s; }
  friend bool operator==(const StageSeconds&, const StageSeconds&) = default;
};

struct StageBytes {
  std::int64_t parameters = 0;   // with the model's own state
  std::int64_t optimizer = 0;    // its state
  std::int64_t gradients = 0;    // summed over the microbatches
  std::int64_t activations = 0;  // of one microbatch, kept from forward to backward
  std::int64_t working = 0;      // what the largest node reads and makes
  friend bool operator==(const StageBytes&, const StageBytes&) = default;
};

// What crosses the chain between two neighbours, in both directions.
struct CutBytes {
  std::int64_t forward = 0;   // a microbatch
  std::int64_t backward = 0;  // a microbatch
  std::int64_t once = 0;      // a step: shared parameters and their gradients
  std::int32_t forward_messages = 0;
  std::int32_t backward_messages = 0;
  friend bool operator==(const CutBytes&, const CutBytes&) = default;
};

// Stages of several devices: seconds and bytes are those of the first lane, which has a part of everything and whatever
// is whole; what lanes send each other is time in which they wait.
struct ChainLanes {
  Lanes lanes;
  Link between;  // two of them
};

class ModelChain {
 public:
  // `order` holds every unit once, best in a topological order of the forward pass.
  ModelChain(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
             std::vector<UnitId> order, const ChainLanes& lanes = {});

  // Places in the chain are 0 … size(); the stretch [from, to) holds the units order()[from] … order()[to − 1].
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] const std::vector<UnitId>& order() const { return order_; }
  [[nodiscard]] StageSeconds seconds(std::size_t from, std::size_t to, std::int32_t device_type) const;
  [[nodiscard]] StageBytes bytes(std::size_t from, std::size_t to) const;
  [[nodiscard]] const CutBytes& cut(std::size_t place) const { return cuts_[place]; }
  // The device that units of the stretch are pinned to; `clash` where it is not one.
  struct Pinned {
    std::optional<DeviceId> device;
    bool clash = false;
  };
  [[nodiscard]] Pinned pinned(std::size_t from, std::size_t to) const;

  // At most `limit` places to cut at, 0 and size() among them, ascending: the chain is divided into spans of equal
  // work, and of each the place with the fewest bytes is taken. All places where there are no more than `limit`.
  [[nodiscard]] std::vector<std::size_t> cut_places(std::size_t limit) const;

 private:
  void add_seconds(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster);
  void add_bytes(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster);
  void add_cuts(const TrainingGraph& training, const PlacementUnits& units);
  void add_exchanges(const TrainingGraph& training, const PlacementUnits& units, const ChainLanes& lanes);

  std::vector<UnitId> order_;
  std::vector<bool> counts_;                        // by unit: it is on the first lane
  std::vector<std::size_t> place_of_;               // by unit
  std::vector<std::vector<StageSeconds>> seconds_;  // by device type: sums of the first units
  std::vector<StageBytes> bytes_;                   // likewise; `working` is unused
  std::vector<std::vector<std::int64_t>> working_;  // largest of 2^k units from each place on
  std::vector<CutBytes> cuts_;                      // by place
  std::vector<std::optional<DeviceId>> pinned_;     // by place
  std::vector<std::int32_t> pins_before_;           // how many of the first units are pinned
};

// Units in the order of the model's nodes, which is topological where no colocation group spans others.
[[nodiscard]] std::vector<UnitId> units_in_model_order(const PlacementUnits& units);

}  // namespace mp::partition
