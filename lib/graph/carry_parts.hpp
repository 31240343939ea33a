// Parts that are put together only to be shared out again stay apart: column-parallel, then row-parallel weights with
// nothing but elementwise work, or attention over heads, between (Shoeybi et al., Megatron-LM, 2019, section 3).
#pragma once

#include <span>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/graph/model.hpp"
#include "lib/graph/node_split.hpp"

namespace mp {

// Of a model after its nodes were split: where "<node>.inputs" of one of `splits` shares out what a Concat of the same
// sizes along the same axis made, by way of elementwise nodes, Reshapes that leave that axis alone, rotary embeddings
// and attention with as many heads a part (all read by nothing else), the nodes between become parts "<name>.part1", …
// as well, and Concat and Split go. `graph` is the model bound.
[[nodiscard]] Model carry_parts(const Model& model, const Graph& graph, std::span<const NodeSplit> splits);

// The Gemms and MatMuls, in the graph's order, whose outputs reach the first input of `product`, another one, by such
// nodes alone: splitting them by columns and `product` by inputs, each into `parts`, needs nothing put together
// between. None: there is another way to it, or heads do not divide.
[[nodiscard]] std::vector<NodeId> sources_to_split(const Graph& graph, NodeId product, std::int64_t parts);

}  // namespace mp
