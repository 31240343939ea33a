#include "lib/graph/choose_splits.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "lib/graph/carry_parts.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr std::int64_t kStatesOfParameter = 4;

bool is_convolution(const Node& node) { return node.op_name == "Conv" || node.op_name == "ConvTranspose"; }
bool is_product(const Node& node) { return node.op_name == "Gemm" || node.op_name == "MatMul"; }

// The most parts the node can be cut into.
std::int64_t most_parts(const Graph& graph, const Node& node, SplitWay way) {
  const Shape& x = graph.tensor(node.inputs[0]).type.shape;
  const Shape& y = graph.tensor(node.outputs[0]).type.shape;
  const bool has_groups = node.attributes.get_int("group", 1) > 1;
  switch (way) {
    case SplitWay::kChannels:
      return has_groups ? 1 : y[1];
    case SplitWay::kRows:
      return y[2];
    case SplitWay::kColumns:
      return y.back();
    case SplitWay::kInputs: {
      const bool is_transposed = node.op_name == "Gemm" && node.attributes.get_int("transA", 0) != 0;
      if (is_convolution(node)) return has_groups ? 1 : x[1];
      return is_transposed ? x[x.size() - 2] : x.back();
    }
  }
  return 1;
}

std::vector<SplitWay> ways_of(const Node& node, std::optional<SplitWay> way) {
  const bool is_conv = is_convolution(node);
  if (way == SplitWay::kInputs) return {SplitWay::kInputs};
  if (!is_conv) return {SplitWay::kColumns};
  if (way) return {way == SplitWay::kColumns ? SplitWay::kChannels : *way};
  return {SplitWay::kChannels, SplitWay::kRows};
}

std::int64_t memory_of(const Graph& graph, const Node& node) {
  std::int64_t total = 0;
  for (const TensorId t : node.inputs) {
    if (t == kNone<TensorId>) continue;
    const bool is_parameter = graph.tensor(t).kind == TensorKind::kParameter;
    total += bytes(graph.tensor(t).type) * (is_parameter ? kStatesOfParameter : 1);
  }
  for (const TensorId t : node.outputs) total += t == kNone<TensorId> ? 0 : bytes(graph.tensor(t).type);
  return total;
}

std::int64_t quotient(double whole, double share) {
  if (share <= 0.0 || whole <= share) return 1;
  return static_cast<std::int64_t>(std::ceil(std::min(whole / share, static_cast<double>(kMaxSplitParts))));
}

}  // namespace

std::vector<NodeSplit> splits_of_heavy_nodes(const Graph& graph, const HeavyNodes& options) {
  double total = 0.0;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) total += cost_of(graph, id).flops;
  const double share = total / static_cast<double>(std::max<std::int64_t>(1, options.devices));
  std::vector<NodeSplit> splits;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(id);
    if ((!is_convolution(node) && !is_product(node)) || node.cost || node.device) continue;
    const std::int64_t wanted =
        std::max(quotient(cost_of(graph, id).flops, share),
                 quotient(static_cast<double>(memory_of(graph, node)), static_cast<double>(options.memory_bytes)));
    if (wanted < 2) continue;
    NodeSplit best{node.name, SplitWay::kChannels, 1};
    for (const SplitWay way : ways_of(node, options.way)) {
      const std::int64_t parts = std::min(wanted, most_parts(graph, node, way));
      if (parts > best.parts) best = {node.name, way, parts};
    }
    if (best.parts > 1) splits.push_back(best);
  }
  return splits;
}

std::vector<NodeSplit> tensor_parallel_splits(const Graph& graph, std::int64_t parts) {
  std::vector<NodeSplit> splits;
  std::set<NodeId> split_already;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(id);
    if (!is_product(node) || node.cost || node.device) continue;
    const std::vector<NodeId> sources = sources_to_split(graph, id, parts);
    const auto is_taken = [&](NodeId n) { return split_already.contains(n) || graph.node(n).device; };
    if (sources.empty() || split_already.contains(id) || std::any_of(sources.begin(), sources.end(), is_taken))
      continue;
    for (const NodeId source : sources) splits.push_back({graph.node(source).name, SplitWay::kColumns, parts});
    splits.push_back({node.name, SplitWay::kInputs, parts});
    split_already.insert(sources.begin(), sources.end());
    split_already.insert(id);
  }
  return splits;
}

}  // namespace mp
