#include "runtime/semantics/rotation.hpp"

namespace mp::runtime {

Rotation rotation_of(const NodeCall& call) {
  const Shape& x = call.input(0).shape;
  Rotation r{.batch = x[0], .heads_outside = x.size() == 4};
  r.heads = r.heads_outside ? x[1] : call.attributes().get_int("num_heads", 1);
  r.sequence = r.heads_outside ? x[2] : x[1];
  r.size = r.heads_outside ? x[3] : x[2] / r.heads;
  const std::int64_t chosen = call.attributes().get_int("rotary_embedding_dim", 0);
  r.rotated = chosen == 0 ? r.size : chosen;
  r.is_interleaved = call.attributes().get_int("interleaved", 0) != 0;
  r.sign = call.node.op_name == "RotaryEmbedding" ? 1.0F : -1.0F;
  return r;
}

}  // namespace mp::runtime
