// The norm of all gradients together, and the factor that clips them.
#pragma once

#include <cmath>
#include <cstdint>

#include "lib/operators/gradient_norm.hpp"
#include "runtime/gpu/kernels/table.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// A tensor of the table: the norm of each kNormElements of it is made by a group.
struct SquaredTensor {
  std::int64_t first_chunk;  // of all tensors' norms
  std::int64_t size;
  ConstReals x;
};

// How many threads a group has, which the order of its sums follows from, must not depend on the tensors beside one.
inline constexpr std::int64_t kSquaresWidth = 8192;

struct NormRow {
  const SquaredTensor* tensors;
  std::int64_t count;
  float* norms;
  template <class Group>
  MP_HD void operator()(std::int64_t chunk, const Group& group) const {
    const SquaredTensor& t = tensors[row_of_table(tensors, count, chunk)];
    const std::int64_t begin = (chunk - t.first_chunk) * kNormElements;
    const std::int64_t end = begin + kNormElements < t.size ? begin + kNormElements : t.size;
    double total = 0.0;
    for (std::int64_t i = begin + group.rank(); i < end; i += group.size()) {
      const double value = static_cast<double>(t.x[i]);
      total += value * value;
    }
    total = group.sum(total);
    if (group.rank() == 0) norms[chunk] = static_cast<float>(sqrt(total));
  }
};

// As PyTorch's clip_grad_norm_ has it. A norm that is no number makes a factor that is none.
struct ClipRow {
  const float* norms;
  const std::int64_t* order;
  std::int64_t count;
  double clip_norm;
  float* norm;  // these two may be null
  float* factor;
  template <class Group>
  MP_HD void operator()(std::int64_t /*row*/, const Group& group) const {
    double total = 0.0;
    for (std::int64_t i = group.rank(); i < count; i += group.size()) {
      const double value = static_cast<double>(norms[order[i]]);
      total += value * value;
    }
    total = group.sum(total);
    if (group.rank() != 0) return;
    const double root = sqrt(total);
    const double wanted = clip_norm / (root + 1e-6);
    if (norm != nullptr) *norm = static_cast<float>(root);
    if (factor != nullptr) *factor = static_cast<float>(wanted > 1.0 ? 1.0 : wanted);
  }
};

}  // namespace mp::runtime::gpu
