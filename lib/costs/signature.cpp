#include "lib/costs/signature.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <variant>
#include <vector>

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

std::string signature(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::string text = node.op_name + '(';
  append_types(graph, node.inputs, text);
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
