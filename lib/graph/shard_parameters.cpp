#include "lib/graph/shard_parameters.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mp {
namespace {

// The Split that alone reads the tensor; else null.
const Node* only_split_of(const Graph& graph, TensorId tensor) {
  const std::span<const NodeId> readers = graph.consumers(tensor);
  if (readers.size() != 1) return nullptr;
  const Node& node = graph.node(readers.front());
  if (node.op_name != "Split" || node.cost || node.device || graph.loss() == tensor) return nullptr;
  for (const TensorId output : node.outputs) {
    if (output == kNone<TensorId> || graph.loss() == output) return nullptr;
  }
  return &node;
}

std::vector<ModelParameter> shards_of(const ModelParameter& whole, const Graph& graph, const Node& split) {
  const Shape& shape = graph.tensor(split.inputs[0]).type.shape;
  std::int64_t axis = split.attributes.get_int("axis", 0);
  if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
  ParameterShard place{.of = whole.name, .whole = shape, .axis = axis, .begin = 0};
  std::vector<ModelParameter> shards;
  for (const TensorId output : split.outputs) {
    const Tensor& part = graph.tensor(output);
    ModelParameter& shard = shards.emplace_back(whole);
    shard.name = part.name;
    shard.shape.clear();
    for (const std::int64_t extent : part.type.shape) shard.shape.push_back({extent, ""});
    shard.shard = place;
    place.begin += part.type.shape[static_cast<std::size_t>(axis)];
  }
  return shards;
}

}  // namespace

Model shard_parameters(const Model& model, const Graph& graph) {
  Model result = model;
  result.parameters.clear();
  std::set<std::string, std::less<>> gone;
  for (const ModelParameter& parameter : model.parameters) {
    const Node* split = parameter.shard ? nullptr : only_split_of(graph, graph.find_tensor(parameter.name).value());
    if (split == nullptr) {
      result.parameters.push_back(parameter);
      continue;
    }
    for (ModelParameter& shard : shards_of(parameter, graph, *split)) result.parameters.push_back(std::move(shard));
    gone.insert(split->name);
  }
  std::erase_if(result.nodes, [&](const ModelNode& node) { return gone.contains(node.name); });
  return result;
}

ShardRuns runs_of(const ParameterShard& shard, const Shape& shape) {
  if (shard.axis == kElementsAxis) {
    return {.count = 1, .length = elements(shape), .begin = shard.begin, .stride = elements(shape)};
  }
  const auto axis = static_cast<std::size_t>(shard.axis);
  ShardRuns runs{.count = 1, .length = 1, .begin = 0, .stride = 1};
  for (std::size_t i = 0; i < axis; ++i) runs.count *= shape[i];
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  runs.length = shape[axis] * inner;
  runs.begin = shard.begin * inner;
  runs.stride = shard.whole[axis] * inner;
  return runs;
}

}  // namespace mp
