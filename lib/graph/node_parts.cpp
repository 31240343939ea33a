#include "lib/graph/node_parts.hpp"

#include <fmt/core.h>

#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp {

std::int64_t part_begin(std::int64_t whole, std::int64_t parts, std::int64_t i) { return whole * i / parts; }

Extents part_sizes(std::int64_t whole, std::int64_t parts) {
  Extents sizes;
  for (std::int64_t i = 0; i < parts; ++i) {
    sizes.push_back(part_begin(whole, parts, i + 1) - part_begin(whole, parts, i));
  }
  return sizes;
}

NodeParts::NodeParts(const Graph& graph, const ModelNode& whole, const NodeSplit& split)
    : whole_(whole), split_(split) {
  const Node& node = graph.node(graph.find_node(split.node).value());
  for (const TensorId input : node.inputs) {
    shapes_.push_back(input == kNone<TensorId> ? Shape{} : graph.tensor(input).type.shape);
  }
  if (!node.outputs.empty() && node.outputs[0] != kNone<TensorId>) output_ = graph.tensor(node.outputs[0]).type.shape;
}

void NodeParts::refuse(std::string_view why) const {
  throw UsageError(fmt::format("cannot split {} into {} parts by {}: {}", quoted(split_.node), split_.parts,
                               name_of(split_.way), why));
}

void NodeParts::need_extent(std::int64_t extent, std::string_view what) const {
  if (extent < split_.parts) refuse(fmt::format("it has {} {}", extent, what));
}

std::string NodeParts::part_name(std::string_view what, std::int64_t i) const {
  return fmt::format("{}.{}{}", whole_.name, what, i + 1);
}

ModelNode& NodeParts::add(std::string op, std::string name, std::vector<std::string> inputs, Attributes attributes) {
  ModelNode node;
  node.name = std::move(name);
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.outputs = {node.name};
  node.attributes = std::move(attributes);
  node.colocate = whole_.colocate;
  added_.push_back(std::move(node));
  return added_.back();
}

void NodeParts::share_out(std::size_t input, std::string_view what, std::int64_t axis) {
  const std::int64_t extent = shapes_[input][static_cast<std::size_t>(axis)];
  ModelNode& node = add("Split", fmt::format("{}.{}", whole_.name, what), {whole_.inputs[input]},
                        {{"axis", axis}, {"split", part_sizes(extent, split_.parts)}});
  node.outputs.clear();
  for (std::int64_t i = 0; i < split_.parts; ++i) node.outputs.push_back(part_name(what, i));
}

void NodeParts::take_place(ModelNode& node) const {
  node.name = whole_.name;
  node.outputs = whole_.outputs;
  node.device = whole_.device;
}

void NodeParts::concatenate(std::int64_t axis) {
  std::vector<std::string> parts;
  for (std::int64_t i = 0; i < split_.parts; ++i) parts.push_back(part_name("part", i));
  take_place(add("Concat", whole_.name, std::move(parts), {{"axis", axis}}));
}

void NodeParts::add_up() {
  std::string sum = part_name("part", 0);
  for (std::int64_t i = 1; i < split_.parts; ++i) {
    sum = add("Add", part_name("sum", i), {sum, part_name("part", i)}, {}).name;
  }
  take_place(added_.back());
}

}  // namespace mp
