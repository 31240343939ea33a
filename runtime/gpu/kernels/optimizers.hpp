// Updates of parameters: of one, and of all in one launch.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "runtime/gpu/kernels/table.hpp"
#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/semantics/adam.hpp"

namespace mp::runtime::gpu {

struct SgdConstants {
  float learning_rate;
  float momentum;
  float weight_decay;
};

struct SgdItem {
  const SgdConstants* constants;
  Reals w;
  ConstReals gradient;
  float* velocity;      // may be null
  const float* factor;  // of the gradient; may be null: 1
  Reals copy;           // of w, rounded; may be null
  MP_HD void operator()(std::int64_t i) const {
    const SgdConstants& c = *constants;
    float update = gradient[i] * (factor == nullptr ? 1.0F : *factor) + c.weight_decay * w[i];
    if (velocity != nullptr) velocity[i] = update = c.momentum * velocity[i] + update;
    const float value = w[i] - c.learning_rate * update;
    w.set(i, value);
    if (copy) copy.set(i, value);
  }
};

struct AdamItem {
  const AdamConstants* constants;
  Reals w;
  ConstReals gradient;
  float* m;
  float* v;
  const float* factor;  // of the gradient; may be null: 1
  Reals copy;           // of w, rounded; may be null
  MP_HD bool is_packable() const {
    return are_packable(w, gradient, copy) && runtime::gpu::is_packable(m) && runtime::gpu::is_packable(v);
  }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    const AdamConstants& c = *constants;
    const float clip = factor == nullptr ? 1.0F : *factor;
    const Reals first{m, false};
    const Reals second{v, false};
    Pack<N> values = load<N>(as_const(w), i);
    const Pack<N> gradients = load<N>(gradient, i);
    Pack<N> ms = load<N>(as_const(first), i);
    Pack<N> vs = load<N>(as_const(second), i);
    for (int k = 0; k < N; ++k) {
      const float g = gradients.x[k] * clip + c.gradient_decay * values.x[k];
      ms.x[k] = c.beta1 * ms.x[k] + c.one_minus_beta1 * g;
      vs.x[k] = c.beta2 * vs.x[k] + c.one_minus_beta2 * g * g;
      values.x[k] = c.weight_factor * values.x[k] - c.rate * ms.x[k] / (sqrtf(vs.x[k]) * c.root_factor + c.epsilon);
    }
    store(first, i, ms);
    store(second, i, vs);
    store(w, i, values);
    if (copy) store(copy, i, values);
  }
};

// A tensor of the table.
struct UpdatedTensor {
  std::int64_t first_chunk;
  std::int64_t size;
  std::int64_t constants;  // position in the step's values
  bool is_adam;
  Reals w;
  ConstReals gradient;
  float* m;  // or velocity; may be null
  float* v;
  const float* factor;
  Reals copy;
};

// A group to each chunk of a tensor: what the items above do, element by element, for all tensors of a table.
struct UpdateChunkRow {
  static constexpr std::int64_t kChunk = 8192;
  const UpdatedTensor* tensors;
  std::int64_t count;
  const std::byte* step_values;
  template <class Group>
  MP_HD void operator()(std::int64_t chunk, const Group& group) const {
    const UpdatedTensor& t = tensors[row_of_table(tensors, count, chunk)];
    const std::int64_t begin = (chunk - t.first_chunk) * kChunk;
    const std::int64_t end = least(begin + kChunk, t.size);
    const std::byte* constants = step_values + t.constants;
    if (t.is_adam) {
      const AdamItem item{
          reinterpret_cast<const AdamConstants*>(constants), t.w, t.gradient, t.m, t.v, t.factor, t.copy};
      for_packs(group, end - begin, item.is_packable(),
                [&](auto n, std::int64_t i) { item.template run<decltype(n)::value>(begin + i); });
    } else {
      const SgdItem item{reinterpret_cast<const SgdConstants*>(constants), t.w, t.gradient, t.m, t.factor, t.copy};
      for (std::int64_t i = begin + group.rank(); i < end; i += group.size()) item(i);
    }
  }
};

}  // namespace mp::runtime::gpu
