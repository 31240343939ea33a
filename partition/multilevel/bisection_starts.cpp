#include "partition/multilevel/bisection_starts.hpp"

#include <algorithm>
#include <limits>

namespace mp::partition {
namespace {

// Everything in block 1 except what is fixed to block 0, and how much block 0 still should take.
class Growth {
 public:
  Growth(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const std::int32_t> fixed)
      : fixed_(fixed), state_(graph, limits, start(graph, fixed)) {
    const auto constraints = static_cast<std::size_t>(graph.constraints);
    for (std::size_t c = 0; c < constraints; ++c) {
      const auto all = static_cast<double>(state_.block_weights(BlockId{0})[c] + state_.block_weights(BlockId{1})[c]);
      const auto room0 = static_cast<double>(limits.of(BlockId{0})[c]);
      const auto room1 = static_cast<double>(limits.of(BlockId{1})[c]);
      wanted_.push_back(room0 + room1 > 0 ? all * room0 / (room0 + room1) : 0);
    }
  }

  // Grown enough: on average over the constraints block 0 has its share.
  [[nodiscard]] bool done() const {
    double share = 0;
    double constraints = 0;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      if (wanted_[c] <= 0) continue;
      share += static_cast<double>(state_.block_weights(BlockId{0})[c]) / wanted_[c];
      constraints += 1;
    }
    return share >= constraints;
  }
  [[nodiscard]] bool can_take(VertexId v) const {
    return state_.block(v) == BlockId{1} && (fixed_.empty() || fixed_[index(v)] < 0) && state_.fits(v, BlockId{0});
  }
  void take(VertexId v) { state_.move(v, BlockId{0}); }
  [[nodiscard]] const PartitionState& state() const { return state_; }
  [[nodiscard]] Assignment finish() && { return std::move(state_).take_assignment(); }

 private:
  static Assignment start(const WeightedGraph& graph, std::span<const std::int32_t> fixed) {
    Assignment side(static_cast<std::size_t>(graph.vertices()), BlockId{1});
    for (std::size_t v = 0; v < fixed.size(); ++v) {
      if (fixed[v] == 0) side[make_id<VertexId>(v)] = BlockId{0};
    }
    return side;
  }
  std::span<const std::int32_t> fixed_;
  PartitionState state_;
  std::vector<double> wanted_;
};

std::vector<VertexId> shuffled(const WeightedGraph& graph, RandomSource& random) {
  std::vector<VertexId> order(static_cast<std::size_t>(graph.vertices()));
  for (std::size_t v = 0; v < order.size(); ++v) order[v] = make_id<VertexId>(v);
  random.shuffle(std::span(order));
  return order;
}

// Breadth-first order from `start`; only its component.
std::vector<VertexId> breadth_first(const WeightedGraph& graph, VertexId start) {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(graph.vertices()), 0);
  std::vector<VertexId> queue{start};
  seen[index(start)] = 1;
  for (std::size_t head = 0; head < queue.size(); ++head) {
    for (const VertexId u : graph.neighbours_of(queue[head])) {
      if (seen[index(u)] == 0) {
        seen[index(u)] = 1;
        queue.push_back(u);
      }
    }
  }
  return queue;
}

}  // namespace

Assignment grow_greedily(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const std::int32_t> fixed,
                         RandomSource& random, VertexHeap& heap) {
  Growth growth(graph, limits, fixed);
  heap.reset(static_cast<std::size_t>(graph.vertices()));
  const auto add = [&](VertexId v) {
    growth.take(v);
    if (heap.contains(v)) heap.remove(v);
    const std::span<const VertexId> neighbours = graph.neighbours_of(v);
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      const VertexId u = neighbours[i];
      if (growth.state().block(u) != BlockId{1}) continue;
      if (heap.contains(u)) {
        heap.set(u, heap.key(u) + 2 * graph.edge_weights_of(v)[i]);
        continue;
      }
      Weight gain = 0;
      for (std::size_t j = 0; j < graph.neighbours_of(u).size(); ++j) {
        const bool inside = growth.state().block(graph.neighbours_of(u)[j]) == BlockId{0};
        gain += inside ? graph.edge_weights_of(u)[j] : -graph.edge_weights_of(u)[j];
      }
      heap.set(u, gain);
    }
  };
  for (const VertexId seed : shuffled(graph, random)) {
    if (growth.done()) break;
    if (!growth.can_take(seed)) continue;
    add(seed);
    while (!heap.empty() && !growth.done()) {
      const VertexId v = heap.top();
      heap.pop();
      if (growth.can_take(v)) add(v);
    }
  }
  return std::move(growth).finish();
}

Assignment grow_breadth_first(const WeightedGraph& graph, const BalanceLimits& limits,
                              std::span<const std::int32_t> fixed, RandomSource& random) {
  Growth growth(graph, limits, fixed);
  for (const VertexId seed : shuffled(graph, random)) {
    if (growth.done()) break;
    if (!growth.can_take(seed)) continue;
    for (const VertexId v : breadth_first(graph, breadth_first(graph, seed).back())) {
      if (growth.done()) break;
      if (growth.can_take(v)) growth.take(v);
    }
  }
  return std::move(growth).finish();
}

Assignment pack_by_weight(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const std::int32_t> fixed,
                          RandomSource& random) {
  const auto n = static_cast<std::size_t>(graph.vertices());
  std::vector<VertexId> order = shuffled(graph, random);
  const auto heaviest = [&](VertexId v) {
    double share = 0;
    for (std::size_t c = 0; c < graph.weights_of(v).size(); ++c) {
      const double room = static_cast<double>(limits.of(BlockId{0})[c]) + static_cast<double>(limits.of(BlockId{1})[c]);
      share = std::max(share, static_cast<double>(graph.weights_of(v)[c]) / std::max(1.0, room));
    }
    return share;
  };
  std::ranges::stable_sort(order, [&](VertexId a, VertexId b) { return heaviest(a) > heaviest(b); });
  // Start with all free vertices in a third block without limits, so that loads grow as vertices are placed.
  BalanceLimits wide = limits;
  wide.blocks = 3;
  wide.max_weights.insert(wide.max_weights.end(), static_cast<std::size_t>(limits.constraints),
                          std::numeric_limits<Weight>::max());
  Assignment start(n, BlockId{2});
  for (std::size_t v = 0; v < fixed.size(); ++v) {
    if (fixed[v] >= 0) start[make_id<VertexId>(v)] = make_id<BlockId>(fixed[v]);
  }
  PartitionState state(graph, wide, std::move(start));
  for (const VertexId v : order) {
    if (state.block(v) != BlockId{2}) continue;
    state.move(v, state.load(BlockId{0}) <= state.load(BlockId{1}) ? BlockId{0} : BlockId{1});
  }
  return std::move(state).take_assignment();
}

}  // namespace mp::partition
