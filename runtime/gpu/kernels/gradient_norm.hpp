// The norm of all gradients together, and the factor that clips them.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// One of `parts` ranges, its squares summed.
struct SquaresRow {
  std::int64_t size;
  std::int64_t parts;
  ConstReals x;
  double* sums;
  template <class Group>
  MP_HD void operator()(std::int64_t part, const Group& group) const {
    const std::int64_t end = size * (part + 1) / parts;
    double total = 0.0;
    for (std::int64_t i = size * part / parts + group.rank(); i < end; i += group.size()) {
      const double value = static_cast<double>(x[i]);
      total += value * value;
    }
    total = group.sum(total);
    if (group.rank() == 0) sums[part] = total;
  }
};

struct RootItem {
  const double* sums;
  std::int64_t parts;
  float* norm;
  MP_HD void operator()(std::int64_t /*i*/) const {
    double total = 0.0;
    for (std::int64_t part = 0; part < parts; ++part) total += sums[part];
    *norm = static_cast<float>(sqrt(total));
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
