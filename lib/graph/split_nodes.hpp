// Convolutions cut into parts that may lie on different devices: a rewrite of the model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/graph/model.hpp"

namespace mp {

enum class SplitWay : std::uint8_t {
  kChannels,  // each part makes some of the output's channels: it needs those weights alone, and all of X
  kRows,      // each part makes some of the output's rows (first spatial axis): all weights, and rows of X with a halo
};
[[nodiscard]] std::string_view name_of(SplitWay way);  // "channels", "rows"

struct NodeSplit {
  std::string node;  // a Conv or ConvTranspose
  SplitWay way = SplitWay::kChannels;
  std::int64_t parts = 2;
};

// "conv1=channels:2". Throws UsageError that says what is wrong with it.
[[nodiscard]] NodeSplit parse_node_split(std::string_view text);

// The convolutions whose FLOPs are more than an equal share of the model's for each of `devices`, to be cut by channels
// into parts that are not, or by rows where there are too few channels; as far as there are enough of either.
[[nodiscard]] std::vector<NodeSplit> splits_of_heavy_nodes(const Graph& graph, std::int64_t devices);

// The same model in which node "conv" is parts "conv.part1", … and a Concat called "conv": what it computes and its
// parameters (names, initial values) stay the same. With channels, Splits "conv.weights" and "conv.bias" share out the
// parameters (and "conv.inputs" X, where there are groups); with rows, Slices "conv.rows1", … cut X. Parts keep the
// node's colocation group, not its pinned device. Numbers are the same up to the rounding of sums: those over a halo
// and over the parts of a weight's gradient are added in another order.
// Throws UsageError for a node that is not there, not a convolution, or cannot be cut into so many parts; InputError
// where the model itself is wrong (`source` names its file).
[[nodiscard]] Model split_nodes(const Model& model, std::span<const NodeSplit> splits, std::string_view source);

}  // namespace mp
