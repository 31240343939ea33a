// Which optimizer updates the parameters, and its constants. The learning rate is the step's, not the graph's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mp {

enum class OptimizerKind : std::uint8_t { kSgd, kAdam, kAdamW };

// SGD with momentum as in PyTorch (Sutskever et al., ICML 2013): v ← μ·v + g; w ← w − lr·v. No state when μ = 0.
// Adam: Kingma & Ba, ICLR 2015. AdamW (decoupled decay): Loshchilov & Hutter, ICLR 2019.
struct Optimizer {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double momentum = 0.0;  // kSgd
  double beta1 = 0.9;     // kAdam, kAdamW
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // kSgd, kAdam: added to the gradient; kAdamW: decoupled
  friend bool operator==(const Optimizer&, const Optimizer&) = default;
};

[[nodiscard]] std::string_view name_of(OptimizerKind kind);  // "sgd", "adam", "adamw"
[[nodiscard]] std::optional<OptimizerKind> find_optimizer(std::string_view name);

}  // namespace mp
