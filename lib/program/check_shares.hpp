// Tensors that are nothing but shares, as the checker sees them: what lies in a whole is what lies in its shares.
#pragma once

#include <optional>

#include "lib/program/check_arena.hpp"
#include "lib/program/check_values.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// What the bytes of a buffer of `tensor` hold; of a whole, what all of its shares hold alike.
[[nodiscard]] std::optional<Value> value_of(const CheckedArena& arena, const Buffer& buffer, TensorId tensor,
                                            const TrainingGraph& training);

// Writes the value; one of a whole, into each of its shares.
void write_value(CheckedArena& arena, const Buffer& buffer, const Value& value, const TrainingGraph& training);

// A node that nothing runs: it names the shares of what it reads.
[[nodiscard]] bool cuts_up(const TrainingGraph& training, NodeId n);

}  // namespace mp
