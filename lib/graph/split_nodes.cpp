#include "lib/graph/split_nodes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/carry_parts.hpp"
#include "lib/graph/node_parts.hpp"
#include "lib/graph/shard_parameters.hpp"

namespace mp {
namespace {

void split_node(Model& model, const Graph& graph, const NodeSplit& split) {
  if (!graph.find_node(split.node)) {
    std::vector<std::string_view> names;
    for (const ModelNode& node : model.nodes) names.emplace_back(node.name);
    throw UsageError(fmt::format("cannot split {}: model {} has no such node{}", quoted(split.node), quoted(model.name),
                                 did_you_mean(split.node, names)));
  }
  const auto at = std::find_if(model.nodes.begin(), model.nodes.end(),
                               [&](const ModelNode& node) { return node.name == split.node; });
  NodeParts parts(graph, *at, split);
  const bool is_convolution = at->op == "Conv" || at->op == "ConvTranspose";
  if (!is_convolution && at->op != "Gemm" && at->op != "MatMul") {
    parts.refuse("only Conv, ConvTranspose, Gemm and MatMul can be split, not " + at->op);
  }
  if (at->cost) parts.refuse("its costs were measured of the whole");
  if (split.parts < 2) parts.refuse("at least 2 are needed");
  if (split.parts > kMaxSplitParts) parts.refuse(fmt::format("at most {} are possible", kMaxSplitParts));
  is_convolution ? split_convolution(parts) : split_product(parts);
  const auto place = model.nodes.erase(at);
  model.nodes.insert(place, std::make_move_iterator(parts.added().begin()),
                     std::make_move_iterator(parts.added().end()));
}

}  // namespace

Model split_nodes(const Model& model, std::span<const NodeSplit> splits, std::string_view source,
                  const Bindings& bindings) {
  const Graph graph = bind_model(model, bindings, source);
  Model result = model;
  std::set<std::string> split_already;
  for (const NodeSplit& split : splits) {
    if (!split_already.insert(split.node).second) {
      throw UsageError(fmt::format("{} is to be split twice; once is possible", quoted(split.node)));
    }
    split_node(result, graph, split);
  }
  // Names that were taken already are found here.
  return carry_parts(result, bind_model(result, bindings, source), splits);
}

Model model_in_parts(const Model& model, std::span<const NodeSplit> splits, std::string_view source,
                     const Bindings& bindings) {
  if (splits.empty()) return model;
  const Model parts = split_nodes(model, splits, source, bindings);
  return shard_parameters(parts, bind_model(parts, bindings, source));
}

}  // namespace mp
