// Placements that a model in parts was made for: the parts of a node side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp::partition {

// The part a node is, by its name ("conv.part2" is 1, "conv.rows2", too); −1: it is no part.
[[nodiscard]] std::int64_t part_of(std::string_view name);
// The node it is a part of ("conv" of "conv.part2"); itself where it is no part.
[[nodiscard]] std::string_view whole_of(std::string_view name);

// Of a model with parts (lib/graph/split_nodes.hpp): stages of equal work in the nodes' order, each on so many devices
// as nodes have parts, part i of each node on the i-th of them, all else on the first; with one stage, and with as many
// as there are devices for. Units that are pinned or put together stay so. None where nothing is in parts, or nodes
// have more parts than there are devices.
[[nodiscard]] std::vector<Placement> part_placements(const TrainingGraph& training, const PlacementUnits& units,
                                                     std::size_t devices);

}  // namespace mp::partition
