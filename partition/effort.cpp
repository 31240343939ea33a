#include "partition/effort.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mp::partition {
namespace {

constexpr std::pair<Effort, std::string_view> kEfforts[] = {
    {Effort::kFast, "fast"}, {Effort::kDefault, "default"}, {Effort::kHigh, "high"}, {Effort::kBest, "best"}};

}  // namespace

std::optional<Effort> effort_from(std::string_view name) {
  for (const auto& [effort, known] : kEfforts)
    if (known == name) return effort;
  return std::nullopt;
}

std::string_view name_of(Effort effort) {
  return std::find_if(std::begin(kEfforts), std::end(kEfforts), [&](const auto& e) { return e.first == effort; })
      ->second;
}

}  // namespace mp::partition
