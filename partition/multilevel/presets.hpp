// What each effort does: the one table of the partitioner's settings.
#pragma once

#include "partition/effort.hpp"
#include "partition/multilevel/bisection.hpp"
#include "partition/multilevel/refinement.hpp"

namespace mp::partition {

struct Preset {
  std::int32_t coarsest_per_block = 20;  // coarsening ends at this many vertices per block …
  std::int32_t coarsest_at_least = 200;  // … and at least at this many
  double max_shrink = 4.0;               // of one level
  BisectionOptions bisection{};          // of the initial partitions
  int initial_partitions = 4;            // tried on the coarsest graph at least …
  int most_initial_partitions = 16;      // … and at most …
  double initial_share = 0.5;            // … as many as sum up to this share of the whole graph's edges
  double beam = 1.0;                     // candidates kept: as many as fit into beam × the work on the coarsest graph
  double relaxation = 0.5;               // of the limits on coarse levels, in multiples of the heaviest vertex there
  RefinementOptions refinement{};
  int population = 1;   // partitions from scratch
  int generations = 0;  // of the evolutionary search after that
  int children = 1;
  int give_up_after = 0;
  std::int64_t repeat_below_edges = 2'000'000;  // larger graphs: one run, whatever the four lines above say
};

// The settings for a graph of this size.
[[nodiscard]] Preset preset(Effort effort, std::int32_t vertices, std::int64_t edges);

}  // namespace mp::partition
