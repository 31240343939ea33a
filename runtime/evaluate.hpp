// The loss on data that is not trained on.
#pragma once

#include <cstdint>

#include "lib/graph/graph.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

struct EvaluateOptions {
  std::int64_t steps = 1;
  std::uint64_t seed = 0;
};

// Whether a forward pass in training mode measures what the model would answer: false where it drops values at random.
[[nodiscard]] bool can_evaluate(const Graph& forward);

// The mean loss over steps of `data` with the weights `trained` has now, which stay as they are: a program of the
// forward pass alone (of `forward`, the graph that was trained), placed alike, with arenas of its own. Batch
// normalisation takes the statistics of the batch, as in training.
[[nodiscard]] double evaluate(Executor& trained, const Graph& forward, const BackendFactory& backends,
                              const DataSource& data, const EvaluateOptions& options);

}  // namespace mp::runtime
