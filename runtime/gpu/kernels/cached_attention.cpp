// GroupQueryAttention: three launches, whatever is in the cache, so that a recorded step can be replayed.
#include "runtime/gpu/kernels/cached_attention.hpp"

#include <fmt/core.h>

#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {

KernelPointer make_group_query_attention(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const CachedAttentionShape shape{cached_attention_sizes(call)};
  const std::int64_t rows = shape.batch * shape.queries * shape.query_heads;
  const std::int64_t partials = rows * shape.parts() * shape.partial();
  call.device.reserve_shared((partials + rows * shape.parts() * kCachePart) * std::int64_t{sizeof(float)});
  Fault* fault =
      call.device.add_fault([node = call.node.name, least = shape.queries - 1, keys = shape.keys](const Fault& f) {
        return fmt::format("node '{}' (GroupQueryAttention): position {} of batch item {} is not in [{}, {})", node,
                           f.value, f.position, least, keys);
      });
  return function_kernel(call, [&device = call.device, shape, rows, partials, fault](const Operands& io) {
    CachedAttentionShape s = shape;
    s.last = io.in<std::int64_t>(5);
    auto* const parts = reinterpret_cast<float*>(device.shared());
    for_items(device.queue(), s.batch * s.queries * (s.key_stride() + s.value_stride()),
              CacheAppendItem{s, io.real(1), io.real(2), io.real_out(1), io.real_out(2), fault});
    // A thread to each key of a part.
    for_rows(
        device.queue(), rows * s.parts(), 8 * kCachePart,
        CachedAttentionRow{s, io.real(0), as_const(io.real_out(1)), as_const(io.real_out(2)), parts + partials, parts});
    for_items(device.queue(), rows * s.value_depth, CachedAttentionMergeItem{s, parts, io.real_out(0)});
  });
}

}  // namespace mp::runtime::gpu
