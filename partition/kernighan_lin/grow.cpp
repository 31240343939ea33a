#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "partition/graph/metrics.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/gain_heaps.hpp"
#include "partition/kernighan_lin/kernighan_lin.hpp"

namespace mp::partition {
namespace {

// Each total divided in proportion to the limits.
std::vector<Weight> shares_of(const WeightedGraph& graph, const BalanceLimits& limits) {
  const std::vector<Weight> totals = total_weights(graph);
  std::vector<double> capacities(totals.size(), 0.0);
  for (std::size_t i = 0; i < limits.max_weights.size(); ++i)
    capacities[i % totals.size()] += static_cast<double>(limits.max_weights[i]);
  std::vector<Weight> shares;
  for (std::size_t i = 0; i < limits.max_weights.size(); ++i) {
    const std::size_t c = i % totals.size();
    const double share = capacities[c] > 0 ? static_cast<double>(limits.max_weights[i]) / capacities[c] : 0.0;
    shares.push_back(static_cast<Weight>(share * static_cast<double>(totals[c])));
  }
  return shares;
}

// Greedy graph growing: block after block takes a random vertex, then always the vertex whose taking raises the cut
// least, until the block has its share of what is left. The last block takes the rest.
//
// Reference: G. Karypis, V. Kumar, A fast and high quality multilevel scheme for partitioning irregular graphs, SIAM J.
// Sci. Comput. 20, 1998 (GGGP), there for two blocks.
class Grower {
 public:
  Grower(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const BlockId> fixed, RandomSource random)
      : graph_(graph),
        limits_(limits),
        random_(random),
        heap_(graph.vertices(), 1),
        assignment_(static_cast<std::size_t>(graph.vertices()), kNone<BlockId>),
        loads_(limits.max_weights.size(), 0),
        shares_(shares_of(graph, limits)),
        order_(assignment_.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    random_.shuffle(std::span(order_));
    for (std::size_t v = 0; v < fixed.size(); ++v)
      if (fixed[v] != kNone<BlockId>) take(make_id<VertexId>(v), fixed[v]);
  }

  Assignment grow() {
    for (const BlockId b : blocks_in_random_order(limits_.blocks - 1)) grow_block(b);
    for (BlockId& b : assignment_)
      if (b == kNone<BlockId>) b = make_id<BlockId>(limits_.blocks - 1);
    return std::move(assignment_);
  }

 private:
  std::vector<BlockId> blocks_in_random_order(std::int32_t count) {
    std::vector<BlockId> result;
    for (std::int32_t b = 0; b < count; ++b) result.push_back(BlockId{b});
    random_.shuffle(std::span(result));
    return result;
  }

  void grow_block(BlockId b) {
    heap_.clear(static_cast<std::uint32_t>(random_.next()));
    for (const VertexId v : ids<VertexId>(assignment_.size()))
      if (assignment_[v] == b) queue_neighbours(v);
    while (!has_share(b)) {
      const VertexId v = next_vertex();
      if (v == kNone<VertexId>) return;
      if (!fits(v, b)) continue;
      take(v, b);
      queue_neighbours(v);
    }
  }

  // The best vertex beside the block; where there is none, an untaken one in random order.
  VertexId next_vertex() {
    if (!heap_.of(BlockId{0}).empty()) {
      const VertexId v = heap_.of(BlockId{0}).front().vertex;
      heap_.remove(v);
      return v;
    }
    while (next_ < order_.size() && assignment_[make_id<VertexId>(order_[next_])] != kNone<BlockId>) ++next_;
    return next_ < order_.size() ? make_id<VertexId>(order_[next_++]) : kNone<VertexId>;
  }

  void queue_neighbours(VertexId v) {
    for (const VertexId u : graph_.neighbours_of(v)) {
      if (assignment_[u] != kNone<BlockId>) continue;
      // Edges to other blocks are cut anyway; edges to untaken vertices would be.
      Weight gain = 0;
      for (std::size_t i = 0; i < graph_.neighbours_of(u).size(); ++i) {
        const BlockId other = assignment_[graph_.neighbours_of(u)[i]];
        if (other == kNone<BlockId>) gain -= graph_.edge_weights_of(u)[i];
        if (other == assignment_[v]) gain += graph_.edge_weights_of(u)[i];
      }
      heap_.set(u, BlockId{0}, gain);
    }
  }

  [[nodiscard]] bool has_share(BlockId b) const {
    const auto constraints = static_cast<std::size_t>(graph_.constraints);
    for (std::size_t slot = index(b) * constraints; slot < (index(b) + 1) * constraints; ++slot)
      if (loads_[slot] >= shares_[slot] && shares_[slot] > 0) return true;
    return false;
  }

  [[nodiscard]] bool fits(VertexId v, BlockId b) const {
    const auto weights = graph_.weights_of(v);
    for (std::size_t c = 0; c < weights.size(); ++c)
      if (loads_[index(b) * weights.size() + c] + weights[c] > limits_.of(b)[c]) return false;
    return true;
  }

  void take(VertexId v, BlockId b) {
    assignment_[v] = b;
    const auto weights = graph_.weights_of(v);
    for (std::size_t c = 0; c < weights.size(); ++c) loads_[index(b) * weights.size() + c] += weights[c];
  }

  const WeightedGraph& graph_;
  const BalanceLimits& limits_;
  RandomSource random_;
  GainHeaps heap_;
  Assignment assignment_;
  std::vector<Weight> loads_;
  std::vector<Weight> shares_;  // what each block ought to weigh
  std::vector<std::int32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace

Assignment kernighan_lin_partition(const WeightedGraph& graph, const BalanceLimits& limits,
                                   const GrowOptions& options) {
  const RandomSource random(options.seed);
  std::optional<RefineResult> best;
  for (std::int32_t restart = 0; restart < std::max(1, options.restarts); ++restart) {
    if (best && options.deadline.passed()) break;
    RandomSource own = random.fork(static_cast<std::uint64_t>(restart));
    Assignment grown = Grower(graph, limits, options.fixed, own).grow();
    RefineResult result = refine(graph, limits, std::move(grown),
                                 {.seed = own.next(), .fixed = options.fixed, .deadline = options.deadline});
    if (!best ||
        std::pair(result.violation_after, result.cut_after) < std::pair(best->violation_after, best->cut_after))
      best = std::move(result);
  }
  return std::move(best->assignment);
}

}  // namespace mp::partition
