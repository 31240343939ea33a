// Which optimizer updates the parameters, and its constants. The learning rate is the step's, not the graph's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

enum class OptimizerKind : std::uint8_t { kSgd, kAdam, kAdamW };

// The parameters whose names match one of `patterns` ("*": any characters, "?": one), and what is different for them.
struct ParameterGroup {
  std::vector<std::string> patterns;
  std::optional<double> weight_decay;  // of all of them; absent: the optimizer's, for those that decay
  double learning_rate_factor = 1.0;   // times the step's learning rate
  friend bool operator==(const ParameterGroup&, const ParameterGroup&) = default;
};

// SGD with momentum as in PyTorch (Sutskever et al., ICML 2013): v ← μ·v + g; w ← w − lr·v. No state when μ = 0.
// Adam: Kingma & Ba, ICLR 2015. AdamW (decoupled decay): Loshchilov & Hutter, ICLR 2019.
struct Optimizer {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double momentum = 0.0;  // kSgd
  double beta1 = 0.9;     // kAdam, kAdamW
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // kSgd, kAdam: added to the gradient; kAdamW: decoupled
  double clip_norm = 0.0;      // the most that the norm of all gradients together may be; 0: whatever it is
  std::vector<ParameterGroup> groups = {};  // a parameter belongs to the first that matches
  friend bool operator==(const Optimizer&, const Optimizer&) = default;
};

[[nodiscard]] std::string_view name_of(OptimizerKind kind);  // "sgd", "adam", "adamw"
[[nodiscard]] std::optional<OptimizerKind> find_optimizer(std::string_view name);

// The group of a parameter; null: none.
[[nodiscard]] const ParameterGroup* group_of(const Optimizer& optimizer, std::string_view parameter);
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);

}  // namespace mp
