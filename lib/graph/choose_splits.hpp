// Which nodes of a model to cut into parts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/graph/node_split.hpp"

namespace mp {

struct HeavyNodes {
  std::int64_t devices = 2;
  // Of Convs, ConvTransposes: channels, rows or inputs; of Gemms, MatMuls with rows: columns, else likewise. Absent: by
  // channels or columns, or by rows where there are too few channels.
  std::optional<SplitWay> way{};
  // A device's memory; 0: not limited. A trained parameter counts four times (AdamW: value, gradient, two moments).
  std::int64_t memory_bytes = 0;
};

// The convolutions and products whose FLOPs are more than an equal share of the model's for each of the devices, or
// which need more memory than one has, to be cut into parts that are not; as far as there is enough to cut.
[[nodiscard]] std::vector<NodeSplit> splits_of_heavy_nodes(const Graph& graph, const HeavyNodes& options);

// Tensor parallelism (Shoeybi et al., Megatron-LM, 2019, section 3): every product that other products reach through
// elementwise work or attention alone by inputs, and those by columns, all into `parts`: what is between stays apart.
[[nodiscard]] std::vector<NodeSplit> tensor_parallel_splits(const Graph& graph, std::int64_t parts);

}  // namespace mp
