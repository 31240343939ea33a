// How far apart the rows of a tensor lie in memory. Most lie side by side.
//
// A GPU's tensor cores are fed in pieces of 16 bytes: in bfloat16, scores for 50,257 classes would have rows that begin
// anywhere, and the three products with them would take some 3.5 times as long. Padding every such vocabulary in the
// model, as GPT-2's trainers do (50,304), changes the model; rows with room behind them change nothing but where they
// lie. A backend may leave the room unused, and what it holds is nobody's.
#pragma once

#include <cstdint>

#include "lib/graph/graph.hpp"

namespace mp {

// Elements from a row of the tensor to the next: its last extent, rounded up to 16 bytes for the bfloat16 scores of a
// cross-entropy in training and their gradient, where products alone read and write them beside it. A function of the
// graph alone, the same for every placement.
[[nodiscard]] std::int64_t stored_row(const Graph& graph, TensorId tensor);

// What the tensor takes up.
[[nodiscard]] std::int64_t stored_bytes(const Graph& graph, TensorId tensor);

}  // namespace mp
