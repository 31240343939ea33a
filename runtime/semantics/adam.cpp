#include "runtime/semantics/adam.hpp"

#include <cmath>

namespace mp::runtime {

AdamAttributes adam_attributes(const Attributes& attributes) {
  return {attributes.get_float("beta1", 0.9),
          attributes.get_float("beta2", 0.999),
          attributes.get_float("epsilon", 1e-8),
          attributes.get_float("weight_decay", 0.0),
          attributes.get_float("learning_rate_factor", 1.0),
          attributes.get_int("decoupled", 0) != 0};
}

AdamConstants at_step(const AdamAttributes& a, const StepContext& context) {
  const double t = static_cast<double>(context.step) + 1.0;
  const double rate = context.learning_rate * a.learning_rate_factor;
  AdamConstants c{};
  c.beta1 = static_cast<float>(a.beta1);
  c.beta2 = static_cast<float>(a.beta2);
  c.one_minus_beta1 = static_cast<float>(1.0 - a.beta1);
  c.one_minus_beta2 = static_cast<float>(1.0 - a.beta2);
  c.rate = static_cast<float>(rate / (1.0 - std::pow(a.beta1, t)));
  c.root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(a.beta2, t)));
  c.epsilon = static_cast<float>(a.epsilon);
  c.gradient_decay = a.is_decoupled ? 0.0F : static_cast<float>(a.weight_decay);
  c.weight_factor = a.is_decoupled ? static_cast<float>(1.0 - rate * a.weight_decay) : 1.0F;
  return c;
}

}  // namespace mp::runtime
