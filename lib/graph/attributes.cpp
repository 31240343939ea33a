#include "lib/graph/attributes.hpp"

#include "lib/base/check.hpp"

namespace mp {
namespace {

// The value as T, or null when absent. A value of another type cannot be on a checked node.
template <class T>
const T* find_as(const std::map<std::string, AttributeValue, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  MP_CHECK(value != nullptr);
  return value;
}

}  // namespace

std::int64_t Attributes::get_int(std::string_view name, std::int64_t fallback) const {
  const auto* value = find_as<std::int64_t>(values_, name);
  return value != nullptr ? *value : fallback;
}

double Attributes::get_float(std::string_view name, double fallback) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return static_cast<double>(*whole);
  return *find_as<double>(values_, name);
}

std::string Attributes::get_string(std::string_view name, std::string_view fallback) const {
  const auto* value = find_as<std::string>(values_, name);
  return value != nullptr ? *value : std::string(fallback);
}

std::vector<std::int64_t> Attributes::get_ints(std::string_view name, std::vector<std::int64_t> fallback) const {
  const auto* value = find_as<std::vector<std::int64_t>>(values_, name);
  if (value != nullptr) return *value;
  return fallback;
}

}  // namespace mp
