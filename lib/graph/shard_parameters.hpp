// Parameters that are only ever shared out, as shards that live with their readers.
#pragma once

#include <cstdint>

#include "lib/graph/graph.hpp"
#include "lib/graph/model.hpp"

namespace mp {

// Every parameter that one Split reads and nothing else becomes parameters of the names of the Split's outputs, which
// then has no work left and goes. `graph` is the model bound.
[[nodiscard]] Model shard_parameters(const Model& model, const Graph& graph);

// ParameterShard::axis of a shard that is a run of the whole's elements in row-major order, and begins at one of them.
inline constexpr std::int64_t kElementsAxis = -1;

// A shard's elements in row-major order are `count` runs of `length` elements, which lie in the whole from `begin` on,
// `stride` apart.
struct ShardRuns {
  std::int64_t count = 0;
  std::int64_t length = 0;
  std::int64_t begin = 0;
  std::int64_t stride = 0;
};
[[nodiscard]] ShardRuns runs_of(const ParameterShard& shard, const Shape& shape);

}  // namespace mp
