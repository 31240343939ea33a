#include "lib/training/optimizer.hpp"

#include <array>
#include <utility>

namespace mp {
namespace {

constexpr std::array<std::pair<OptimizerKind, std::string_view>, 3> kNames = {{
    {OptimizerKind::kSgd, "sgd"},
    {OptimizerKind::kAdam, "adam"},
    {OptimizerKind::kAdamW, "adamw"},
}};

}  // namespace

std::string_view name_of(OptimizerKind kind) { return kNames[static_cast<std::size_t>(kind)].second; }

std::optional<OptimizerKind> find_optimizer(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

}  // namespace mp
