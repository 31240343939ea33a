// Measured on 30 graphs (meshes, circuits, roads, social networks, model graphs) against METIS k-way.
#include "partition/multilevel/presets.hpp"

namespace mp::partition {
namespace {

// Flows stay near the border, and are given up early: where they pay most.
constexpr FlowOptions kShortFlows{.max_rounds = 2, .effort = 6};

// One run from more than one initial partition, since a poor one is never quite repaired.
constexpr Preset kFast{
    .initial_partitions = 2,
    .most_initial_partitions = 8,
    .refinement = {.flow = kShortFlows},
};

// Two runs and a child of both: costs three runs and gains more than any one run of that length.
constexpr Preset kDefault{
    .initial_partitions = 1,
    .most_initial_partitions = 4,
    .refinement = {.flow = kShortFlows},
    .population = 2,
    .generations = 1,
};

// Five runs, six children.
constexpr Preset kHigh{
    .initial_partitions = 2,
    .most_initial_partitions = 6,
    .refinement = {.flow = kShortFlows},
    .population = 5,
    .generations = 3,
    .children = 2,
};

// A population that evolves until the deadline, or until 300 generations in a row found nothing better.
constexpr Preset kBest{
    .initial_partitions = 4,
    .refinement = {.fm = {.seeds_per_search = 30},
                   .flow = {.max_rounds = 5, .effort = 100, .region = {.max_distance = 5}},
                   .max_rounds = 2},
    .population = 16,
    .generations = 1'000'000,
    .children = 2,
    .give_up_after = 300,
    .repeat_below_edges = 100'000'000,
};

// Graphs of some hundred vertices take milliseconds whatever is done with them, and their few heavy vertices make
// balance hard: they get the long search that a large graph would have to wait for.
Preset for_small_graphs(Preset p, Effort effort) {
  p.coarsest_at_least = 60;
  p.initial_partitions = 4;
  p.most_initial_partitions = 8;
  if (effort == Effort::kBest) return p;
  p.population = effort == Effort::kFast ? 3 : effort == Effort::kDefault ? 8 : 16;
  p.generations = 4 * p.population;
  p.children = 2;
  p.give_up_after = p.population;
  return p;
}

Preset preset_of(Effort effort) {
  switch (effort) {
    case Effort::kFast:
      return kFast;
    case Effort::kDefault:
      return kDefault;
    case Effort::kHigh:
      return kHigh;
    case Effort::kBest:
      return kBest;
  }
  return kDefault;
}

}  // namespace

Preset preset(Effort effort, std::int32_t vertices, std::int64_t edges) {
  constexpr std::int32_t kSmall = 400;
  Preset result = preset_of(effort);
  if (vertices <= kSmall) return for_small_graphs(result, effort);
  // Whole runs are repeated only where that is a matter of seconds.
  if (edges > result.repeat_below_edges) {
    result.population = 1;
    result.generations = 0;
  }
  return result;
}

}  // namespace mp::partition
