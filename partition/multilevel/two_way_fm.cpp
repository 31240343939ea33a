// Fiduccia, Mattheyses, DAC 1982, with heaps instead of buckets (weights are 64 bits wide) and an early end of
// a pass that has not improved for a while (Karypis, Kumar, SIAM J. Sci. Comput. 1998).
#include "partition/multilevel/two_way_fm.hpp"

#include <algorithm>

namespace mp::partition {
namespace {

class TwoWayPass {
 public:
  TwoWayPass(PartitionState& state, Quality start, std::span<const std::int32_t> fixed, TwoWayScratch& scratch)
      : state_(state), graph_(state.graph()), fixed_(fixed), s_(scratch), current_(start), best_(start) {}

  Quality run() {
    prepare();
    const std::size_t patience = std::clamp<std::size_t>(s_.gains.size() / 10, 25, 200);
    while (s_.moves.size() < kept_ + patience) {
      const VertexId v = next();
      if (v == kNone<VertexId>) break;
      move(v);
    }
    while (s_.moves.size() > kept_) {
      const VertexId v = s_.moves.back();
      s_.moves.pop_back();
      state_.move(v, other(state_.block(v)));
    }
    return best_;
  }

 private:
  static BlockId other(BlockId b) { return make_id<BlockId>(1 - static_cast<std::int32_t>(b)); }

  void prepare() {
    const auto n = static_cast<std::size_t>(graph_.vertices());
    s_.gains.resize(n);
    s_.done.assign(n, 0);
    s_.moves.clear();
    for (VertexHeap& heap : s_.heaps) heap.reset(n);
    const bool all = state_.overload() > 0;
    for (const VertexId v : ids<VertexId>(n)) {
      const BlockId own = state_.block(v);
      const std::span<const VertexId> neighbours = graph_.neighbours_of(v);
      const std::span<const Weight> weights = graph_.edge_weights_of(v);
      Weight gain = 0;
      bool boundary = all;
      for (std::size_t i = 0; i < neighbours.size(); ++i) {
        const bool cut = state_.block(neighbours[i]) != own;
        gain += cut ? weights[i] : -weights[i];
        boundary |= cut;
      }
      s_.gains[v] = gain;
      if (boundary && movable(v)) s_.heaps[index(own)].set(v, gain);
    }
  }

  bool movable(VertexId v) const { return fixed_.empty() || fixed_[index(v)] < 0; }

  // The best move of one side that fits, or repairs an overload; those that do not are dropped for this pass.
  VertexId candidate(BlockId from) {
    VertexHeap& heap = s_.heaps[index(from)];
    while (!heap.empty()) {
      const VertexId v = heap.top();
      if (state_.fits(v, other(from)) || state_.overload_change(v, other(from)) < 0) return v;
      heap.pop();
      s_.done[v] = 1;
    }
    return kNone<VertexId>;
  }

  VertexId next() {
    const VertexId a = candidate(BlockId{0});
    const VertexId b = candidate(BlockId{1});
    if (a == kNone<VertexId> || b == kNone<VertexId>) return a == kNone<VertexId> ? b : a;
    if (state_.overload() > 0) {
      if (!state_.overloaded(BlockId{0})) return b;
      if (!state_.overloaded(BlockId{1})) return a;
    }
    if (s_.gains[a] != s_.gains[b]) return s_.gains[a] > s_.gains[b] ? a : b;
    return state_.load(BlockId{0}) >= state_.load(BlockId{1}) ? a : b;
  }

  void move(VertexId v) {
    const BlockId from = state_.block(v);
    s_.heaps[index(from)].remove(v);
    s_.done[v] = 1;
    state_.move(v, other(from));
    current_ = {state_.overload(), current_.cut - s_.gains[v]};
    s_.moves.push_back(v);
    update_neighbours(v, from);
    const double load = std::max(state_.load(BlockId{0}), state_.load(BlockId{1}));
    if (current_ < best_ || (current_ == best_ && load < best_load_)) {
      best_ = current_;
      best_load_ = load;
      kept_ = s_.moves.size();
    }
  }

  void update_neighbours(VertexId v, BlockId from) {
    const std::span<const VertexId> neighbours = graph_.neighbours_of(v);
    const std::span<const Weight> weights = graph_.edge_weights_of(v);
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      const VertexId u = neighbours[i];
      const BlockId own = state_.block(u);
      s_.gains[u] += own == from ? 2 * weights[i] : -2 * weights[i];
      if (s_.done[u] == 0 && movable(u)) s_.heaps[index(own)].set(u, s_.gains[u]);
    }
  }

  PartitionState& state_;
  const WeightedGraph& graph_;
  std::span<const std::int32_t> fixed_;
  TwoWayScratch& s_;
  Quality current_;
  Quality best_;
  double best_load_ = 0;  // moves that only improve balance count against the start at 0: they do not
  std::size_t kept_ = 0;  // moves up to the best state
};

}  // namespace

Quality two_way_fm(PartitionState& state, Quality start, std::span<const std::int32_t> fixed, int max_passes,
                   TwoWayScratch& scratch) {
  for (int pass = 0; pass < max_passes; ++pass) {
    const Quality before = start;
    start = TwoWayPass(state, start, fixed, scratch).run();
    if (!(start < before)) break;
  }
  return start;
}

}  // namespace mp::partition
