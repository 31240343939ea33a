// The corridor of Sanders, Schulz, ESA 2011, as wide as their α times the slack allows: wider than what could move
// at once without overload, because FlowCutter finds balanced cuts in it by itself.
#include "partition/multilevel/flow_region.hpp"

#include <algorithm>

#include "partition/graph/random_source.hpp"

namespace mp::partition {
namespace {

// What of block `side` the region may hold: all of it may end up in `other`.
std::vector<Weight> room_for_region(const PartitionState& state, BlockId side, BlockId other, double reach) {
  std::vector<Weight> room;
  for (std::size_t c = 0; c < static_cast<std::size_t>(state.graph().constraints); ++c) {
    const auto limit_side = static_cast<double>(state.limits().of(side)[c]);
    const auto limit_other = static_cast<double>(state.limits().of(other)[c]);
    const auto total = static_cast<double>(state.block_weights(side)[c] + state.block_weights(other)[c]);
    const double even = total * limit_other / std::max(1.0, limit_side + limit_other);
    const double slack = std::max(0.0, limit_other - even);
    const double allowed = even + reach * slack - static_cast<double>(state.block_weights(other)[c]);
    room.push_back(
        static_cast<Weight>(std::clamp(allowed, 0.0, 0.75 * static_cast<double>(state.block_weights(side)[c]))));
  }
  return room;
}

}  // namespace

bool FlowRegion::take(const PartitionState& state, VertexId v, std::vector<Weight>& room) {
  const std::span<const Weight> weights = state.graph().weights_of(v);
  for (std::size_t c = 0; c < room.size(); ++c) {
    if (weights[c] > room[c]) return false;
  }
  for (std::size_t c = 0; c < room.size(); ++c) room[c] -= weights[c];
  vertices_.push_back(v);
  node_of_[v] = static_cast<std::int32_t>(vertices_.size()) + 1;
  return true;
}

void FlowRegion::collect_side(const PartitionState& state, GainTable& table, BlockId side, BlockId other,
                              std::span<const VertexId> border, std::span<const std::int32_t> fixed,
                              const FlowRegionOptions& options) {
  const WeightedGraph& graph = state.graph();
  std::vector<Weight> room = room_for_region(state, side, other, options.reach);
  const auto free = [&](VertexId v) {
    return node_of_[v] == 0 && state.block(v) == side && (fixed.empty() || fixed[index(v)] < 0);
  };
  std::size_t head = vertices_.size();
  const std::size_t most = head + static_cast<std::size_t>(options.max_vertices_per_side);
  for (const VertexId v : border) {
    if (!free(v) || vertices_.size() >= most) continue;
    if (table.connection(v, other) > 0 && take(state, v, room)) layer_.push_back(1);
  }
  for (; head < vertices_.size() && vertices_.size() < most; ++head) {
    if (layer_[head] >= options.max_distance) break;
    for (const VertexId u : graph.neighbours_of(vertices_[head])) {
      if (free(u) && vertices_.size() < most && take(state, u, room)) layer_.push_back(layer_[head] + 1);
    }
  }
}

void FlowRegion::connect(const PartitionState& state, BlockId a, BlockId b) {
  const WeightedGraph& graph = state.graph();
  network_.clear(vertices_.size() + 2);
  present_cut_ = 0;
  for (const VertexId v : vertices_) {
    const std::int32_t node = node_of_[v];
    Weight to_source = 0;
    Weight to_sink = 0;
    const std::span<const VertexId> neighbours = graph.neighbours_of(v);
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      const BlockId block = state.block(neighbours[i]);
      if (block != a && block != b) continue;
      const Weight weight = graph.edge_weights_of(v)[i];
      const std::int32_t other = node_of_[neighbours[i]];
      const bool inside = other != 0;
      if (inside && other < node) continue;  // once per edge
      if (block != state.block(v)) present_cut_ += weight;
      if (inside) {
        network_.add_edge(FlowNode{node}, FlowNode{other}, weight);
      } else {
        (block == a ? to_source : to_sink) += weight;
      }
    }
    if (to_source > 0) network_.add_edge(FlowNetwork::kSource, FlowNode{node}, to_source);
    if (to_sink > 0) network_.add_edge(FlowNode{node}, FlowNetwork::kSink, to_sink);
  }
  network_.finish();
}

void FlowRegion::weigh(const PartitionState& state, BlockId a, BlockId b) {
  const auto constraints = static_cast<std::size_t>(state.graph().constraints);
  nodes_.constraints = state.graph().constraints;
  nodes_.max_weights = {state.limits().of(a), state.limits().of(b)};
  nodes_.weights.assign((vertices_.size() + 2) * constraints, 0);
  nodes_.distance.assign(vertices_.size() + 2, 0);
  for (std::size_t c = 0; c < constraints; ++c) {
    nodes_.weights[c] = state.block_weights(a)[c];
    nodes_.weights[constraints + c] = state.block_weights(b)[c];
  }
  for (std::size_t i = 0; i < vertices_.size(); ++i) {
    const bool in_a = state.block(vertices_[i]) == a;
    nodes_.distance[i + 2] = in_a ? layer_[i] : -layer_[i];
    for (std::size_t c = 0; c < constraints; ++c) {
      const Weight weight = state.graph().weights_of(vertices_[i])[c];
      nodes_.weights[(i + 2) * constraints + c] = weight;
      nodes_.weights[(in_a ? 0 : constraints) + c] -= weight;
    }
  }
}

bool FlowRegion::collect(const PartitionState& state, GainTable& table, BlockId a, BlockId b,
                         std::span<const VertexId> border, std::span<const std::int32_t> fixed,
                         const FlowRegionOptions& options) {
  const auto n = static_cast<std::size_t>(state.graph().vertices());
  for (const VertexId v : vertices_) node_of_[v] = 0;
  vertices_.clear();
  layer_.clear();
  if (node_of_.size() < n) node_of_.resize(n, 0);
  collect_side(state, table, a, b, border, fixed, options);
  collect_side(state, table, b, a, border, fixed, options);
  return !vertices_.empty();
}

std::uint64_t FlowRegion::fingerprint(const PartitionState& state) const {
  std::uint64_t sum = 0;  // the order of collection does not matter
  for (const VertexId v : vertices_) {
    sum += mix_seed(index(v), static_cast<std::uint64_t>(index(state.block(v))));
  }
  return sum;
}

bool FlowRegion::build(const PartitionState& state, BlockId a, BlockId b) {
  connect(state, a, b);
  weigh(state, a, b);
  return present_cut_ > 0;
}

}  // namespace mp::partition
