// Updates of parameters: of one, and of all in one launch.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "runtime/gpu/kernels/table.hpp"
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
  MP_HD void operator()(std::int64_t i) const {
    const AdamConstants& c = *constants;
    const float g = gradient[i] * (factor == nullptr ? 1.0F : *factor) + c.gradient_decay * w[i];
    m[i] = c.beta1 * m[i] + c.one_minus_beta1 * g;
    v[i] = c.beta2 * v[i] + c.one_minus_beta2 * g * g;
    const float value = c.weight_factor * w[i] - c.rate * m[i] / (sqrtf(v[i]) * c.root_factor + c.epsilon);
    w.set(i, value);
    if (copy) copy.set(i, value);
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
      for (std::int64_t i = begin + group.rank(); i < end; i += group.size()) item(i);
    } else {
      const SgdItem item{reinterpret_cast<const SgdConstants*>(constants), t.w, t.gradient, t.m, t.factor, t.copy};
      for (std::int64_t i = begin + group.rank(); i < end; i += group.size()) item(i);
    }
  }
};

}  // namespace mp::runtime::gpu
