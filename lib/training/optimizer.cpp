#include "lib/training/optimizer.hpp"

#include <algorithm>
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

const ParameterGroup* group_of(const Optimizer& optimizer, std::string_view parameter) {
  for (const ParameterGroup& group : optimizer.groups) {
    const bool is_member = std::any_of(group.patterns.begin(), group.patterns.end(),
                                       [&](const std::string& pattern) { return matches(pattern, parameter); });
    if (is_member) return &group;
  }
  return nullptr;
}

// The last "*" takes one character more whenever what follows it does not fit: O(pattern × name), no recursion.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;  // by the last "*", up to here
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace mp
