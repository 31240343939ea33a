#include "lib/graph/node_check.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "lib/base/text.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

std::string_view kind_name(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kInt:
      return "an integer";
    case AttributeKind::kFloat:
      return "a number";
    case AttributeKind::kString:
      return "a string";
    case AttributeKind::kInts:
      return "a list of integers";
    case AttributeKind::kFloats:
      return "a list of numbers";
  }
  return "";
}

std::string_view kind_name(const AttributeValue& value) {
  static constexpr AttributeKind kKinds[] = {AttributeKind::kInt, AttributeKind::kFloat, AttributeKind::kString,
                                             AttributeKind::kInts, AttributeKind::kFloats};
  return kind_name(kKinds[value.index()]);
}

bool has_kind(const AttributeValue& value, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kInt:
      return std::holds_alternative<std::int64_t>(value);
    case AttributeKind::kFloat:
      return std::holds_alternative<double>(value) || std::holds_alternative<std::int64_t>(value);
    case AttributeKind::kString:
      return std::holds_alternative<std::string>(value);
    case AttributeKind::kInts:
      return std::holds_alternative<std::vector<std::int64_t>>(value);
    case AttributeKind::kFloats:
      return std::holds_alternative<std::vector<double>>(value) || has_kind(value, AttributeKind::kInts);
  }
  return false;
}

bool is_finite(const AttributeValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return std::isfinite(*number);
  if (const auto* numbers = std::get_if<std::vector<double>>(&value)) {
    return std::all_of(numbers->begin(), numbers->end(), [](double x) { return std::isfinite(x); });
  }
  return true;
}

std::string unknown_attribute(const Operator& op, std::string_view name) {
  if (op.attributes.empty()) return op.name + " takes no attributes, but has " + quoted(name);
  std::vector<std::string_view> known;
  std::string list;
  for (const AttributeSpec& spec : op.attributes) {
    known.push_back(spec.name);
    list += (list.empty() ? "" : ", ") + spec.name;
  }
  return op.name + " has no attribute " + quoted(name) + did_you_mean(name, known) + " (its attributes: " + list + ")";
}

void check_attributes(const Node& node, std::vector<Issue>& issues) {
  const auto& specs = node.op->attributes;
  for (const auto& [name, value] : node.attributes.values()) {
    const std::string place = "/attributes/" + pointer_part(name);
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const AttributeSpec& s) { return s.name == name; });
    if (spec == specs.end()) {
      if (!node.op->is_opaque) issues.push_back({place, unknown_attribute(*node.op, name)});
    } else if (!has_kind(value, spec->kind)) {
      issues.push_back(
          {place, "must be " + std::string(kind_name(spec->kind)) + ", not " + std::string(kind_name(value))});
    } else if (!is_finite(value)) {
      issues.push_back({place, "must be finite"});
    }
  }
  for (const AttributeSpec& spec : specs) {
    if (!spec.required || node.attributes.has(spec.name)) continue;
    issues.push_back({"/attributes", node.op->name + " needs the attribute " + quoted(spec.name) + ", " +
                                         std::string(kind_name(spec.kind))});
  }
}

std::string expected_count(const Arity& arity, std::string_view noun) {
  std::string count = std::to_string(arity.min);
  if (arity.max == kAnyNumber) {
    count = "at least " + count;
  } else if (arity.max > arity.min) {
    count += " to " + std::to_string(arity.max);
  }
  return count + " " + std::string(noun) + (arity.min == 1 && arity.max == 1 ? "" : "s");
}

void check_arity(const Arity& arity, std::size_t count, const Operator& op, std::string_view noun,
                 std::vector<Issue>& issues) {
  if (count >= arity.min && count <= arity.max) return;
  issues.push_back({"/" + std::string(noun) + "s",
                    op.name + " has " + expected_count(arity, noun) + ", not " + std::to_string(count)});
}

void check_cost(const Node& node, std::size_t outputs, std::vector<Issue>& issues) {
  if (!node.cost) return;
  const auto seconds = [&](double value, const char* key) {
    if (std::isfinite(value) && value >= 0) return;
    issues.push_back({std::string("/cost/") + key, "must be a finite number of seconds, 0 or more"});
  };
  seconds(node.cost->forward_s, "forward_s");
  seconds(node.cost->backward_s, "backward_s");
  const auto size = [&](std::int64_t value, const std::string& key) {
    if (value >= 0 && value <= kMaxTensorBytes) return;
    issues.push_back({"/cost/" + key, "must lie between 0 and " + std::to_string(kMaxTensorBytes) + " bytes, not " +
                                          std::to_string(value)});
  };
  for (const auto& [type, value] : node.cost->forward_s_by_type) {
    if (std::isnan(value) || value < 0) {
      issues.push_back({"/cost/forward_s_by_type/" + pointer_part(type), "must be a number of seconds, 0 or more"});
    }
  }
  const std::vector<double>& transfer_s = node.cost->output_transfer_s;
  for (std::size_t i = 0; i < transfer_s.size(); ++i) {
    seconds(transfer_s[i], ("output_transfer_s/" + std::to_string(i)).c_str());
  }
  if (!transfer_s.empty() && transfer_s.size() != outputs) {
    issues.push_back({"/cost/output_transfer_s", "needs one time for each of the " + std::to_string(outputs) +
                                                     " outputs, has " + std::to_string(transfer_s.size())});
  }
  size(node.cost->parameter_bytes, "parameter_bytes");
  const std::vector<std::int64_t>& output_bytes = node.cost->output_bytes;
  for (std::size_t i = 0; i < output_bytes.size(); ++i) size(output_bytes[i], "output_bytes/" + std::to_string(i));
  if (node.op->is_opaque && output_bytes.size() != outputs) {
    issues.push_back({"/cost/output_bytes", "needs one size for each of the " + std::to_string(outputs) +
                                                " outputs, has " + std::to_string(output_bytes.size())});
  }
}

void check_inputs_present(const Node& node, std::vector<Issue>& issues) {
  const bool any_number = node.op->inputs.max == kAnyNumber && !node.op->is_opaque;
  const std::size_t needed = any_number ? node.inputs.size() : std::min(node.op->inputs.min, node.inputs.size());
  for (std::size_t i = 0; i < needed; ++i) {
    if (node.inputs[i] != kNone<TensorId>) continue;
    issues.push_back({"/inputs/" + std::to_string(i), node.op->name + " needs this input"});
  }
}

}  // namespace

const Operator* operator_of(std::string_view op_name, const std::optional<MeasuredCost>& cost) {
  if (cost && !cost->output_bytes.empty()) return &opaque_operator();
  const Operator* op = find_operator(op_name);
  return op == nullptr && cost ? &opaque_operator() : op;
}

std::string unknown_operator(std::string_view op_name) {
  std::vector<std::string_view> known;
  for (const Operator* op : all_operators()) known.push_back(op->name);
  return "unknown operator " + quoted(op_name) + did_you_mean(op_name, known);
}

std::vector<Issue> check_form(const Node& node, std::size_t outputs) {
  std::vector<Issue> issues;
  check_arity(node.op->inputs, node.inputs.size(), *node.op, "input", issues);
  check_inputs_present(node, issues);
  check_arity(node.op->outputs, outputs, *node.op, "output", issues);
  check_attributes(node, issues);
  check_cost(node, outputs, issues);
  return issues;
}

InferredTypes infer_types(const Node& node, std::span<const TensorType* const> inputs, std::size_t outputs) {
  InferredTypes result;
  if (node.op->is_opaque) {
    for (const std::int64_t size : node.cost->output_bytes) result.types.push_back({DataType::kOpaque, {size}});
    return result;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || inputs[i]->type != DataType::kOpaque) continue;
    result.issues.push_back({"/inputs/" + std::to_string(i),
                             "is known by its size alone (it comes from a node with measured costs); " + node.op->name +
                                 " needs its shape, or a measured cost with output_bytes of its own"});
    return result;
  }
  try {
    result.types = node.op->infer({.inputs = inputs, .attributes = node.attributes, .outputs = outputs});
  } catch (const ShapeError& error) {
    result.issues.push_back({"", node.op->name + ": " + error.what()});
    return result;
  }
  for (const TensorType& type : result.types) {
    const std::string problem = type_problem(type);
    if (!problem.empty()) {
      result.issues.push_back({"", node.op->name + ": an output " + to_string(type) + " " + problem});
      break;
    }
  }
  return result;
}

std::string type_problem(const TensorType& type) {
  if (type.shape.size() > kMaxRank) return "has more than " + std::to_string(kMaxRank) + " dimensions";
  if (!checked_bytes(type)) return "is larger than " + std::to_string(kMaxTensorBytes) + " bytes";
  const bool empty = std::any_of(type.shape.begin(), type.shape.end(), [](std::int64_t extent) { return extent < 1; });
  return empty && type.type != DataType::kOpaque ? "has no elements" : "";
}

}  // namespace mp
