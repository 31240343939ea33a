#include "partition/kernighan_lin/rebalance.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <vector>

namespace mp::partition {
namespace {

bool is_fixed(std::span<const BlockId> fixed, VertexId v) {
  return !fixed.empty() && fixed[index(v)] != kNone<BlockId>;
}

struct Move {
  double worth = 0.0;  // the cut lost per violation repaired, negated; the cut won times it, if any is won
  VertexId vertex = kNone<VertexId>;
  BlockId to = kNone<BlockId>;
  Weight gain = 0;
  friend bool operator<(const Move& a, const Move& b) {
    return a.worth != b.worth ? a.worth < b.worth : a.vertex > b.vertex;
  }
};

// Moves single vertices. Keys are computed once a round and checked when they are due, so a round is
// O((boundary + overloaded vertices) · (degree + blocks)).
class MoveRounds {
 public:
  MoveRounds(TrackedPartition& partition, std::span<const BlockId> fixed) : partition_(partition), fixed_(fixed) {}

  void run() {
    while (!partition_.feasible()) {
      const double before = partition_.violation();
      round();
      if (!(partition_.violation() < before)) return;
    }
  }

 private:
  void round() {
    std::priority_queue<Move> queue;
    for (const VertexId v : ids<VertexId>(partition_.assignment().size())) {
      if (is_fixed(fixed_, v) || !partition_.overloaded(partition_.block_of(v))) continue;
      const Move move = best_move(v);
      if (move.to != kNone<BlockId>) queue.push(move);
    }
    while (!queue.empty() && !partition_.feasible()) {
      const Move top = queue.top();
      queue.pop();
      if (!partition_.overloaded(partition_.block_of(top.vertex))) continue;
      const Move now = best_move(top.vertex);
      if (now.to == kNone<BlockId>) continue;
      if (now < top && !queue.empty() && now < queue.top())
        queue.push(now);
      else
        partition_.move(now.vertex, now.to, now.gain);
    }
  }

  Move best_move(VertexId v) const {
    Move best;
    const BlockId own = partition_.block_of(v);
    if (partition_.size_of(own) == 1) return best;
    const Weight inside = partition_.connection(v, own);
    const auto consider = [&](BlockId to, Weight tie) {
      const double repaired = -partition_.violation_change(v, to);
      if (!(repaired > 1e-15)) return;
      const auto gain = static_cast<double>(tie - inside);
      const Move move{
          .worth = gain > 0 ? gain * repaired : gain / repaired, .vertex = v, .to = to, .gain = tie - inside};
      if (best.to == kNone<BlockId> || best < move) best = move;
    };
    for (const VertexId u : partition_.graph().neighbours_of(v))
      if (partition_.block_of(u) != own)
        consider(partition_.block_of(u), partition_.connection(v, partition_.block_of(u)));
    for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(partition_.blocks())))
      if (b != own && partition_.fits(v, b)) consider(b, partition_.connection(v, b));
    return best;
  }

  TrackedPartition& partition_;
  std::span<const BlockId> fixed_;
};

// Swaps a vertex of an overloaded block with one of another block, when that lowers the violation: the step that
// single moves cannot take once every block is nearly full. Looks at kMostPairs pairs a round at most.
class SwapRounds {
 public:
  SwapRounds(TrackedPartition& partition, std::span<const BlockId> fixed) : partition_(partition), fixed_(fixed) {}

  void run() {
    while (!partition_.feasible() && round()) {
    }
  }

 private:
  static constexpr std::int64_t kMostPairs = 200'000;

  bool round() {
    std::vector<VertexId> heavy;
    for (const VertexId v : ids<VertexId>(partition_.assignment().size()))
      if (!is_fixed(fixed_, v) && partition_.overloaded(partition_.block_of(v))) heavy.push_back(v);
    std::int64_t pairs = 0;
    for (const VertexId v : heavy) {
      for (const VertexId u : ids<VertexId>(partition_.assignment().size())) {
        if (++pairs > kMostPairs) return false;
        if (!is_fixed(fixed_, u) && partition_.block_of(u) != partition_.block_of(v) && swapped(v, u)) return true;
      }
    }
    return false;
  }

  bool swapped(VertexId v, VertexId u) {
    const double before = partition_.violation();
    const BlockId from = partition_.block_of(v);
    const BlockId to = partition_.block_of(u);
    partition_.move(v, to);
    partition_.move(u, from);
    if (partition_.violation() < before) return true;
    partition_.move(u, to);
    partition_.move(v, from);
    return false;
  }

  TrackedPartition& partition_;
  std::span<const BlockId> fixed_;
};

// The fullest constraint of block b with v in it, as a share of its limit.
double load_with(const WeightedGraph& graph, const BalanceLimits& limits, const std::vector<Weight>& loads, VertexId v,
                 BlockId b) {
  const auto weights = graph.weights_of(v);
  double load = 0.0;
  for (std::size_t c = 0; c < weights.size(); ++c) {
    const Weight total = loads[index(b) * weights.size() + c] + weights[c];
    const Weight limit = limits.of(b)[c];
    if (total > 0 && limit == 0) return std::numeric_limits<double>::max();
    if (limit > 0) load = std::max(load, static_cast<double>(total) / static_cast<double>(limit));
  }
  return load;
}

// Heaviest first, by the constraint in which the vertex weighs most.
std::vector<VertexId> by_weight(const WeightedGraph& graph) {
  const std::vector<Weight> totals = total_weights(graph);
  IdVector<VertexId, double> keys(static_cast<std::size_t>(graph.vertices()), 0.0);
  std::vector<VertexId> order;
  for (const VertexId v : ids<VertexId>(keys.size())) {
    order.push_back(v);
    for (std::size_t c = 0; c < totals.size(); ++c)
      if (totals[c] > 0)
        keys[v] = std::max(keys[v], static_cast<double>(graph.weights_of(v)[c]) / static_cast<double>(totals[c]));
  }
  std::stable_sort(order.begin(), order.end(), [&](VertexId a, VertexId b) { return keys[a] > keys[b]; });
  return order;
}

}  // namespace

Assignment packed(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const BlockId> fixed) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  Assignment result(static_cast<std::size_t>(graph.vertices()), BlockId{0});
  std::vector<Weight> loads(static_cast<std::size_t>(limits.blocks) * constraints, 0);
  const auto put = [&](VertexId v, BlockId b) {
    result[v] = b;
    for (std::size_t c = 0; c < constraints; ++c) loads[index(b) * constraints + c] += graph.weights_of(v)[c];
  };
  for (const VertexId v : ids<VertexId>(result.size()))
    if (is_fixed(fixed, v)) put(v, fixed[index(v)]);
  for (const VertexId v : by_weight(graph)) {
    if (is_fixed(fixed, v)) continue;
    BlockId best{0};
    double best_load = load_with(graph, limits, loads, v, best);
    for (std::int32_t i = 1; i < limits.blocks; ++i) {
      const double load = load_with(graph, limits, loads, v, BlockId{i});
      if (load < best_load) {
        best_load = load;
        best = BlockId{i};
      }
    }
    put(v, best);
  }
  return result;
}

bool rebalance(TrackedPartition& partition, std::span<const BlockId> fixed) {
  if (partition.feasible()) return true;
  MoveRounds(partition, fixed).run();
  SwapRounds(partition, fixed).run();
  if (partition.feasible()) return true;
  TrackedPartition fresh(partition.graph(), partition.limits(), packed(partition.graph(), partition.limits(), fixed));
  MoveRounds(fresh, fixed).run();
  SwapRounds(fresh, fixed).run();
  if (fresh.violation() < partition.violation()) partition = std::move(fresh);
  return partition.feasible();
}

void fill_empty_blocks(TrackedPartition& partition, std::span<const BlockId> fixed) {
  if (partition.graph().vertices() < partition.blocks()) return;
  for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(partition.blocks()))) {
    if (partition.size_of(b) > 0) continue;
    VertexId best = kNone<VertexId>;
    double best_change = 0.0;
    Weight best_gain = 0;
    for (const VertexId v : ids<VertexId>(partition.assignment().size())) {
      if (is_fixed(fixed, v) || partition.size_of(partition.block_of(v)) == 1) continue;
      const double change = partition.violation_change(v, b);
      const Weight gain = partition.gain(v, b);
      if (change > 0.0 ||
          (best != kNone<VertexId> && (change > best_change || (change == best_change && gain <= best_gain))))
        continue;
      best = v;
      best_change = change;
      best_gain = gain;
    }
    if (best != kNone<VertexId>) partition.move(best, b, best_gain);
  }
}

}  // namespace mp::partition
