#include "lib/costs/signature.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {
namespace {

void append_types(const Graph& graph, const std::vector<TensorId>& tensors, std::string& text) {
  const char* separator = "";
  for (const TensorId t : tensors) {
    text += separator;
    text += t == kNone<TensorId> ? "-" : to_string(graph.tensor(t).type);
    separator = ", ";
  }
}

constexpr std::string_view kNorms = "GradientL2";
constexpr std::int64_t kNormsBytes = 1'000'000;

// The factor of clipped gradients is the last input of an update (lib/operators/update.cpp); absent copies before it.
std::vector<TensorId> inputs_but_factor(const Node& node) {
  std::vector<TensorId> inputs = node.inputs;
  if (!node.op_name.ends_with("Update") || inputs.size() != node.op->inputs.max) return inputs;
  inputs.pop_back();
  while (!inputs.empty() && inputs.back() == kNone<TensorId>) inputs.pop_back();
  return inputs;
}

// "" for what does not change the work.
std::string attribute_text(const AttributeValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value)) {
    return fmt::format("[{}]", fmt::join(*numbers, ", "));
  }
  return {};
}

std::string attributes_text(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes.values()) {
    const std::string shown = attribute_text(value);
    if (!shown.empty()) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, shown);
  }
  return text;
}

}  // namespace

std::string gradient_norms_signature() { return fmt::format("{}: {} bytes", kNorms, kNormsBytes); }

double signature_scale(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op_name != kNorms) return 1.0;
  double total = 0.0;
  for (const TensorId t : node.inputs) total += static_cast<double>(bytes(graph.tensor(t).type));
  return total / static_cast<double>(kNormsBytes);
}

std::string signature(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op_name == kNorms) return gradient_norms_signature();
  if (node.op_name == "GradientNorm") return node.op_name;
  std::string text = node.op_name + '(';
  append_types(graph, inputs_but_factor(node), text);
  text += ") -> ";
  append_types(graph, node.outputs, text);
  const std::string attributes = attributes_text(node.attributes);
  if (!attributes.empty()) text += " {" + attributes + '}';
  return text;
}

std::string feed_signature(const Graph& graph, TensorId input) {
  return fmt::format("feed {}: {}", graph.tensor(input).name, to_string(graph.tensor(input).type));
}

std::string copy_signature(const Graph& graph, TensorId tensor) {
  return fmt::format("copy: {} bytes", bytes(graph.tensor(tensor).type));
}

std::string accumulate_signature(const Graph& graph, TensorId tensor) {
  return fmt::format("accumulate: {} bytes", bytes(graph.tensor(tensor).type));
}

}  // namespace mp
