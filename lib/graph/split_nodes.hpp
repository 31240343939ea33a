// Nodes cut into parts that may lie on different devices: a rewrite of the model.
#pragma once

#include <span>
#include <string_view>

#include "lib/graph/model.hpp"
#include "lib/graph/node_split.hpp"

namespace mp {

// The same model in which node "conv" is parts "conv.part1", … and a Concat (or, by inputs, an Add) called "conv": what
// it computes and its parameters (names, initial values) stay the same. Splits "conv.weights", "conv.bias" share out
// parameters, "conv.inputs" X; by rows, Slices "conv.rows1", … cut X. Where parts put together would at once be shared
// out again, they are not (carry_parts()). Parts keep the node's colocation group, not its pinned device. Numbers are
// the same up to the rounding of sums: those over a halo, over parts by inputs, and over the parts of a gradient are
// added in another order. Dimensions are bound as `bindings` and the model's defaults say.
// Throws UsageError for a node that is not there, an operator that cannot be split so, or into so many parts;
// InputError where the model itself is wrong (`source` names its file).
[[nodiscard]] Model split_nodes(const Model& model, std::span<const NodeSplit> splits, std::string_view source,
                                const Bindings& bindings = {});

// The model as a plan with these splits runs it: split_nodes(), and parameters that are only shared out lie in shards
// (ParameterShard) with their parts instead.
[[nodiscard]] Model model_in_parts(const Model& model, std::span<const NodeSplit> splits, std::string_view source,
                                   const Bindings& bindings = {});

}  // namespace mp
