// Measured on 30 graphs (meshes, circuits, roads, social networks, model graphs) against METIS k-way.
#include "partition/multilevel/presets.hpp"

namespace mp::partition {
namespace {

// One multilevel run; flows only along the border itself, which costs little and still pays most.
constexpr Preset kFast{
    .bisection = {.max_starts = 8},
    .initial_partitions = 2,
    .refinement = {.fm = {.seeds_per_search = 30}, .flow = {.max_rounds = 2, .region = {.max_distance = 1}}},
};

// Small searches and wide flows; more initial partitions, since a poor one is never quite repaired.
constexpr Preset kDefault{
    .initial_partitions = 4,
    .refinement = {.fm = {.seeds_per_search = 10}, .flow = {.max_rounds = 3}},
};

// Three such runs, and two children of them.
constexpr Preset kHigh{
    .initial_partitions = 4,
    .refinement = {.fm = {.seeds_per_search = 10}, .flow = {.max_rounds = 3}},
    .population = 3,
    .generations = 1,
    .children = 2,
};

// A population that evolves until the deadline, or until 300 generations in a row found nothing better.
constexpr Preset kBest{
    .initial_partitions = 4,
    .refinement = {.fm = {.seeds_per_search = 10},
                   .flow = {.max_rounds = 5, .region = {.max_distance = 20}},
                   .max_rounds = 2},
    .population = 12,
    .generations = 1'000'000,
    .children = 2,
    .give_up_after = 300,
};

}  // namespace

Preset preset(Effort effort) {
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

}  // namespace mp::partition
