// The next step's samples, made ready by a thread beside the training.
#pragma once

#include <cstdint>
#include <memory>

#include "lib/graph/graph.hpp"
#include "runtime/data/data_source.hpp"

namespace mp::runtime {

// The same values as `source` gives, whatever is asked for in whatever order. When a step is asked for the first time,
// a thread begins with the step after it: the slices that any step so far was asked for. A slice that is ready, or on
// its way, is copied from there; any other is filled at once. What the source throws in the thread is thrown where the
// slice is asked for. Steps follow one another: fill() of one step must have returned before the step after the next is
// asked for. Memory for two steps is taken at the beginning, none later.
[[nodiscard]] std::unique_ptr<DataSource> prefetched(std::unique_ptr<DataSource> source, const Graph& graph,
                                                     std::int32_t microbatches);

}  // namespace mp::runtime
