// The norm of all gradients together, and the factor that clips them.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/kernels/table.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// A tensor of the table: `parts` ranges of it, each squared and summed by a group.
struct SquaredTensor {
  std::int64_t first_chunk;  // of all tensors' parts
  std::int64_t parts;
  std::int64_t size;
  ConstReals x;
};

// How many threads a group has, which the order of its sums follows from, must not depend on the tensors beside one.
inline constexpr std::int64_t kSquaresWidth = 8192;

struct SquaresRow {
  const SquaredTensor* tensors;
  std::int64_t count;
  double* sums;  // of all parts
  template <class Group>
  MP_HD void operator()(std::int64_t chunk, const Group& group) const {
    const SquaredTensor& t = tensors[row_of_table(tensors, count, chunk)];
    const std::int64_t part = chunk - t.first_chunk;
    const std::int64_t end = t.size * (part + 1) / t.parts;
    double total = 0.0;
    for (std::int64_t i = t.size * part / t.parts + group.rank(); i < end; i += group.size()) {
      const double value = static_cast<double>(t.x[i]);
      total += value * value;
    }
    total = group.sum(total);
    if (group.rank() == 0) sums[chunk] = total;
  }
};

// Of tensor i.
struct RootItem {
  const SquaredTensor* tensors;
  const double* sums;
  float* norms;
  MP_HD void operator()(std::int64_t i) const {
    const SquaredTensor& t = tensors[i];
    double total = 0.0;
    for (std::int64_t part = 0; part < t.parts; ++part) total += sums[t.first_chunk + part];
    norms[i] = static_cast<float>(sqrt(total));
  }
};

// As PyTorch's clip_grad_norm_ has it. A norm that is no number makes a factor that is none.
struct ClipItem {
  const float* norms;
  const std::int64_t* order;
  std::int64_t count;
  double clip_norm;
  float* norm;  // these two may be null
  float* factor;
  MP_HD void operator()(std::int64_t /*i*/) const {
    double total = 0.0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(norms[order[i]]);
      total += value * value;
    }
    const double root = sqrt(total);
    const double wanted = clip_norm / (root + 1e-6);
    if (norm != nullptr) *norm = static_cast<float>(root);
    if (factor != nullptr) *factor = static_cast<float>(wanted > 1.0 ? 1.0 : wanted);
  }
};

}  // namespace mp::runtime::gpu
