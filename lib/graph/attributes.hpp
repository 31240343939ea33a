// Attributes of a node: ONNX names and types.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mp {

using AttributeValue = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;

// Read access with defaults. Types and names were checked against the operator's AttributeSpec when the node was
// built, so these never fail on a node of a Graph.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, AttributeValue>> values) : values_(values) {}

  [[nodiscard]] bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  [[nodiscard]] std::int64_t get_int(std::string_view name, std::int64_t fallback) const;
  [[nodiscard]] double get_float(std::string_view name, double fallback) const;  // an int is taken as float, too
  [[nodiscard]] std::string get_string(std::string_view name, std::string_view fallback) const;
  [[nodiscard]] std::vector<std::int64_t> get_ints(std::string_view name, std::vector<std::int64_t> fallback) const;
  void set(std::string name, AttributeValue value) { values_.insert_or_assign(std::move(name), std::move(value)); }
  [[nodiscard]] const std::map<std::string, AttributeValue, std::less<>>& values() const { return values_; }

  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  std::map<std::string, AttributeValue, std::less<>> values_;
};

}  // namespace mp
