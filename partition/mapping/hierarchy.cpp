#include "partition/mapping/hierarchy.hpp"

#include <algorithm>
#include <utility>

#include "partition/graph/graph_builder.hpp"

namespace mp::partition {
namespace {

// Some vertices of a graph, and which they are.
struct Part {
  WeightedGraph graph;
  std::vector<VertexId> members;
};

Part part_of(const WeightedGraph& graph, const Assignment& groups, BlockId group) {
  Part part;
  IdVector<VertexId, VertexId> place(groups.size(), kNone<VertexId>);
  VertexWeights weights{.constraints = graph.constraints, .weights = {}};
  for (const VertexId v : ids<VertexId>(groups.size())) {
    if (groups[v] != group) continue;
    place[v] = make_id<VertexId>(part.members.size());
    part.members.push_back(v);
    weights.weights.insert(weights.weights.end(), graph.weights_of(v).begin(), graph.weights_of(v).end());
  }
  std::vector<WeightedEdge> edges;
  for (const VertexId v : part.members)
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
      const VertexId u = graph.neighbours_of(v)[i];
      if (v < u && place[u] != kNone<VertexId>)
        edges.push_back({.from = place[v], .to = place[u], .weight = graph.edge_weights_of(v)[i]});
    }
  part.graph = build_graph(std::move(weights), edges);
  return part;
}

BalanceLimits limits_of(const BalanceLimits& limits, const std::vector<BlockId>& devices) {
  BalanceLimits result{
      .blocks = static_cast<std::int32_t>(devices.size()), .constraints = limits.constraints, .max_weights = {}};
  for (const BlockId d : devices)
    result.max_weights.insert(result.max_weights.end(), limits.of(d).begin(), limits.of(d).end());
  return result;
}

Distances distances_of(const Distances& distances, const std::vector<BlockId>& devices) {
  Distances result{.devices = static_cast<std::int32_t>(devices.size()), .matrix = {}};
  for (const BlockId a : devices)
    for (const BlockId b : devices) result.matrix.push_back(distances.between(a, b));
  return result;
}

// A group holds the sum of what its devices hold.
BalanceLimits group_limits(const BalanceLimits& limits, const std::vector<std::vector<BlockId>>& groups) {
  const auto constraints = static_cast<std::size_t>(limits.constraints);
  BalanceLimits result{.blocks = static_cast<std::int32_t>(groups.size()),
                       .constraints = limits.constraints,
                       .max_weights = std::vector<Weight>(groups.size() * constraints, 0)};
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (const BlockId d : groups[g])
      for (std::size_t c = 0; c < constraints; ++c) {
        Weight& sum = result.max_weights[g * constraints + c];
        if (__builtin_add_overflow(sum, limits.of(d)[c], &sum)) sum = INT64_MAX;
      }
  return result;
}

}  // namespace

std::vector<std::int32_t> nearest_groups(const Distances& distances) {
  const auto devices = static_cast<std::size_t>(distances.devices);
  const Weight farthest = *std::max_element(distances.matrix.begin(), distances.matrix.end());
  std::vector<std::int32_t> group(devices, -1);
  std::int32_t groups = 0;
  for (std::size_t first = 0; first < devices; ++first) {
    if (group[first] >= 0) continue;
    std::vector<std::size_t> reached{first};
    group[first] = groups;
    for (std::size_t i = 0; i < reached.size(); ++i)
      for (std::size_t d = 0; d < devices; ++d)
        if (group[d] < 0 && distances.matrix[reached[i] * devices + d] < farthest) {
          group[d] = groups;
          reached.push_back(d);
        }
    ++groups;
  }
  if (groups > 1) return group;
  for (std::size_t d = 0; d < devices; ++d) group[d] = static_cast<std::int32_t>(d);
  return group;
}

Assignment partition_hierarchically(const WeightedGraph& graph, const BalanceLimits& limits, const Distances& distances,
                                    std::span<const BlockId> fixed, const Partitioner& partitioner) {
  const std::vector<std::int32_t> group_of = nearest_groups(distances);
  std::vector<std::vector<BlockId>> groups(
      static_cast<std::size_t>(*std::max_element(group_of.begin(), group_of.end())) + 1);
  for (std::size_t d = 0; d < group_of.size(); ++d)
    groups[static_cast<std::size_t>(group_of[d])].push_back(make_id<BlockId>(d));
  if (groups.size() == group_of.size()) return partitioner(graph, limits, fixed);
  std::vector<BlockId> fixed_groups;
  for (const BlockId d : fixed) fixed_groups.push_back(d == kNone<BlockId> ? d : make_id<BlockId>(group_of[index(d)]));
  const Assignment by_group = partitioner(graph, group_limits(limits, groups), fixed_groups);
  Assignment result(by_group.size());
  for (const BlockId g : ids<BlockId>(groups.size())) {
    const std::vector<BlockId>& devices = groups[index(g)];
    const Part part = part_of(graph, by_group, g);
    std::vector<BlockId> fixed_here;
    for (const VertexId v : part.members) {
      if (fixed.empty()) break;
      const auto place = std::find(devices.begin(), devices.end(), fixed[index(v)]);
      fixed_here.push_back(place == devices.end() ? kNone<BlockId> : make_id<BlockId>(place - devices.begin()));
    }
    const Assignment inside = partition_hierarchically(part.graph, limits_of(limits, devices),
                                                       distances_of(distances, devices), fixed_here, partitioner);
    for (const VertexId v : ids<VertexId>(part.members.size()))
      result[part.members[index(v)]] = devices[index(inside[v])];
  }
  return result;
}

}  // namespace mp::partition
