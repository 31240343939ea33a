// The sizes of a RotaryEmbedding node (ONNX opset 23), and of its gradient.
#pragma once

#include <cstdint>

#include "runtime/semantics/node_call.hpp"

namespace mp::runtime {

// Pair i of position s turns by s · theta^(−2i / rotated).
struct Rotation {
  std::int64_t batch = 1;
  std::int64_t heads = 1;
  std::int64_t sequence = 1;
  std::int64_t size = 1;       // elements of a head
  std::int64_t rotated = 1;    // of them rotated
  bool heads_outside = false;  // [batch, heads, sequence, size], else [batch, sequence, heads·size]
  bool is_interleaved = false;
  float sign = 1.0F;  // of the sine: −1 in the gradient
};

[[nodiscard]] Rotation rotation_of(const NodeCall& call);

}  // namespace mp::runtime
