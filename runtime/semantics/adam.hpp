// What AdamUpdate's attributes and the step make of its formula (Kingma, Ba, "Adam", ICLR 2015; decoupled decay:
// Loshchilov, Hutter, ICLR 2019).
#pragma once

#include "runtime/backend.hpp"
#include "runtime/semantics/node_call.hpp"

namespace mp::runtime {

struct AdamAttributes {
  double beta1, beta2, epsilon, weight_decay, learning_rate_factor;
  bool is_decoupled;
};

[[nodiscard]] AdamAttributes adam_attributes(const Attributes& attributes);

// Constants of one step, with the bias corrections folded in:
// lr·(m/c₁) / (√(v/c₂) + ε) = (lr/c₁)·m / (√v/√c₂ + ε).
struct AdamConstants {
  float beta1;
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float rate;         // lr / (1 − β₁ᵗ)
  float root_factor;  // 1 / √(1 − β₂ᵗ)
  float epsilon;
  float gradient_decay;  // added to the gradient
  float weight_factor;   // 1 − lr·decay where decoupled, else 1
};

[[nodiscard]] AdamConstants at_step(const AdamAttributes& a, const StepContext& context);

}  // namespace mp::runtime
