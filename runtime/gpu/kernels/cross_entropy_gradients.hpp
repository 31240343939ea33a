// A cross-entropy loss and its gradient in one pass over the scores.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_role.hpp"

namespace mp::runtime::gpu {

struct CrossEntropyParts {
  FusedPart loss;      // scores, labels, weights → loss, log-probabilities, log-sum-exp
  FusedPart seed;      // → the gradient of the loss, which nobody else reads: not written; no kernel: it is there
  FusedPart gradient;  // dloss, scores, labels, log-sum-exp, weights → dscores
};

// The bits of one after the other. Operands in that order. The gradient may be written over the scores.
[[nodiscard]] std::unique_ptr<Kernel> make_cross_entropy_with_gradient(Device& device,
                                                                       const CrossEntropyProblem& problem,
                                                                       const CrossEntropyParts& parts);

}  // namespace mp::runtime::gpu
