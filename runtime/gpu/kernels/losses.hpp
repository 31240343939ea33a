// MeanSquaredError, MeanAbsoluteError, BinaryCrossEntropy and their gradients.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

enum class Loss : std::uint8_t { kSquared, kAbsolute, kCrossEntropy, kCrossEntropyOfLogits };

MP_HD inline float capped_log(float x) { return fmaxf(logf(x), -100.0F); }

MP_HD inline float loss_term(Loss loss, float x, float t) {
  switch (loss) {
    case Loss::kSquared:
      return (x - t) * (x - t);
    case Loss::kAbsolute:
      return fabsf(x - t);
    case Loss::kCrossEntropy:
      return -t * capped_log(x) - (1.0F - t) * capped_log(1.0F - x);
    case Loss::kCrossEntropyOfLogits:
      return fmaxf(x, 0.0F) - x * t + log1pf(expf(-fabsf(x)));
  }
  return 0.0F;
}

MP_HD inline float loss_slope(Loss loss, float x, float t) {
  switch (loss) {
    case Loss::kSquared:
      return 2.0F * (x - t);
    case Loss::kAbsolute:
      return sign(x - t);
    case Loss::kCrossEntropy:
      return (x - t) / fmaxf(x * (1.0F - x), 1e-12F);
    case Loss::kCrossEntropyOfLogits:
      return sigmoid(x) - t;
  }
  return 0.0F;
}

// One of `parts` ranges of the terms, summed.
struct LossPartRow {
  Loss loss;
  std::int64_t size;
  std::int64_t parts;
  ConstReals x;
  ConstReals target;
  double* sums;
  template <class Group>
  MP_HD void operator()(std::int64_t part, const Group& group) const {
    double total = 0.0;
    const std::int64_t end = size * (part + 1) / parts;
    for (std::int64_t i = size * part / parts + group.rank(); i < end; i += group.size()) {
      total += static_cast<double>(loss_term(loss, x[i], target[i]));
    }
    total = group.sum(total);
    if (group.rank() == 0) sums[part] = total;
  }
};

struct LossGradientItem {
  Loss loss;
  float divisor;
  ConstReals dloss;
  ConstReals x;
  ConstReals target;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const { dx.set(i, loss_slope(loss, x[i], target[i]) * (dloss[0] / divisor)); }
};

}  // namespace mp::runtime::gpu
