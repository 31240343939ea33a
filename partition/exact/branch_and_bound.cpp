#include "partition/exact/branch_and_bound.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

// The search is as deep as there are vertices, and so is our use of the stack.
constexpr std::int32_t kMostVertices = 10'000;

// The vertex with the most edge weight to those before it comes next; the heaviest degree begins.
std::vector<VertexId> placing_order(const WeightedGraph& graph) {
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  IdVector<VertexId, Weight> attached(vertices, 0);
  IdVector<VertexId, Weight> degree(vertices, 0);
  IdVector<VertexId, char> placed(vertices, 0);
  for (const VertexId v : ids<VertexId>(vertices))
    for (const Weight w : graph.edge_weights_of(v)) degree[v] += w;
  std::vector<VertexId> order;
  while (order.size() < vertices) {
    VertexId next = kNone<VertexId>;
    for (const VertexId v : ids<VertexId>(vertices))
      if (placed[v] == 0 &&
          (next == kNone<VertexId> || std::pair(attached[v], degree[v]) > std::pair(attached[next], degree[next])))
        next = v;
    placed[next] = 1;
    order.push_back(next);
    for (std::size_t i = 0; i < graph.neighbours_of(next).size(); ++i)
      attached[graph.neighbours_of(next)[i]] += graph.edge_weights_of(next)[i];
  }
  return order;
}

class Search {
 public:
  Search(const WeightedGraph& graph, const BalanceLimits& limits, const BranchOptions& options)
      : graph_(graph),
        limits_(limits),
        options_(options),
        blocks_(static_cast<std::size_t>(limits.blocks)),
        constraints_(static_cast<std::size_t>(graph.constraints)),
        order_(placing_order(graph)),
        assignment_(order_.size(), kNone<BlockId>),
        ties_(order_.size() * blocks_, 0),
        placed_ties_(order_.size(), 0),
        best_ties_(order_.size(), 0),
        loads_(limits.max_weights.size(), 0),
        sizes_(blocks_, 0),
        left_(total_weights(graph)) {
    result_.cut = options.bound;
  }

  BelowBound run() {
    place_next(0);
    result_.finished = !exhausted_;
    return std::move(result_);
  }

 private:
  void place_next(std::size_t depth) {
    if (++result_.steps > options_.steps || (result_.steps % 4096 == 0 && late())) exhausted_ = true;
    if (exhausted_ || cut_ + surely_ >= result_.cut || !room_enough(depth)) return;
    if (depth == order_.size()) {
      result_.cut = cut_;
      result_.assignment = assignment_;
      return;
    }
    const VertexId v = order_[depth];
    for (const BlockId b : promising_blocks(v)) {
      if (!fits(v, b)) continue;
      put(v, b, +1);
      place_next(depth + 1);
      put(v, b, -1);
      if (exhausted_) return;
    }
  }
  [[nodiscard]] bool late() const { return options_.deadline.passed(); }

  [[nodiscard]] bool room_enough(std::size_t depth) const {
    if (!options_.may_leave_empty &&
        std::count(sizes_.begin(), sizes_.end(), 0) > static_cast<std::ptrdiff_t>(order_.size() - depth))
      return false;
    for (std::size_t c = 0; c < constraints_; ++c) {
      Weight missing = left_[c];
      for (std::size_t b = 0; b < blocks_ && missing > 0; ++b) {
        const std::size_t slot = b * constraints_ + c;
        missing -= std::min(missing, limits_.max_weights[slot] - loads_[slot]);
      }
      if (missing > 0) return false;
    }
    return true;
  }

  // The blocks to try for v, the most attached first; of empty blocks that are alike the first.
  [[nodiscard]] std::vector<BlockId> promising_blocks(VertexId v) const {
    if (!options_.fixed.empty() && options_.fixed[index(v)] != kNone<BlockId>) return {options_.fixed[index(v)]};
    std::vector<BlockId> result;
    for (const BlockId b : ids<BlockId>(blocks_))
      if (sizes_[index(b)] > 0 || is_pinned(b) || !alike_empty_in(result, b)) result.push_back(b);
    std::stable_sort(result.begin(), result.end(), [&](BlockId a, BlockId b) { return tie(v, a) > tie(v, b); });
    return result;
  }
  [[nodiscard]] bool is_pinned(BlockId b) const {
    return std::find(options_.fixed.begin(), options_.fixed.end(), b) != options_.fixed.end();
  }
  [[nodiscard]] bool alike_empty_in(const std::vector<BlockId>& blocks, BlockId b) const {
    return std::any_of(blocks.begin(), blocks.end(), [&](BlockId a) {
      return sizes_[index(a)] == 0 && !is_pinned(a) && std::ranges::equal(limits_.of(a), limits_.of(b));
    });
  }
  [[nodiscard]] Weight tie(VertexId v, BlockId b) const { return ties_[index(v) * blocks_ + index(b)]; }

  [[nodiscard]] bool fits(VertexId v, BlockId b) const {
    for (std::size_t c = 0; c < constraints_; ++c)
      if (loads_[index(b) * constraints_ + c] + graph_.weights_of(v)[c] > limits_.of(b)[c]) return false;
    return true;
  }

  // Puts v into b (sign +1) or takes it out again (−1), with all sums.
  void put(VertexId v, BlockId b, Weight sign) {
    const Weight surely = placed_ties_[v] - best_ties_[v];
    cut_ += sign * (placed_ties_[v] - tie(v, b));
    surely_ -= sign * surely;
    assignment_[v] = sign > 0 ? b : kNone<BlockId>;
    sizes_[index(b)] += sign > 0 ? 1 : -1;
    for (std::size_t c = 0; c < constraints_; ++c) {
      loads_[index(b) * constraints_ + c] += sign * graph_.weights_of(v)[c];
      left_[c] -= sign * graph_.weights_of(v)[c];
    }
    for (std::size_t i = 0; i < graph_.neighbours_of(v).size(); ++i) {
      const VertexId u = graph_.neighbours_of(v)[i];
      if (assignment_[u] == kNone<BlockId>) attach(u, b, sign * graph_.edge_weights_of(v)[i]);
    }
  }
  void attach(VertexId u, BlockId b, Weight weight) {
    surely_ -= placed_ties_[u] - best_ties_[u];
    ties_[index(u) * blocks_ + index(b)] += weight;
    placed_ties_[u] += weight;
    const auto row = ties_.begin() + static_cast<std::ptrdiff_t>(index(u) * blocks_);
    best_ties_[u] = *std::max_element(row, row + static_cast<std::ptrdiff_t>(blocks_));
    surely_ += placed_ties_[u] - best_ties_[u];
  }

  const WeightedGraph& graph_;
  const BalanceLimits& limits_;
  BranchOptions options_;
  std::size_t blocks_;
  std::size_t constraints_;
  std::vector<VertexId> order_;
  Assignment assignment_;
  std::vector<Weight> ties_;                // vertices × blocks: edges to placed vertices
  IdVector<VertexId, Weight> placed_ties_;  // Σ of that row
  IdVector<VertexId, Weight> best_ties_;    // its maximum
  std::vector<Weight> loads_;
  std::vector<std::int32_t> sizes_;
  std::vector<Weight> left_;  // weight of vertices not placed
  Weight cut_ = 0;            // among placed vertices
  Weight surely_ = 0;         // Σ over the others of what they must add
  bool exhausted_ = false;
  BelowBound result_;
};

}  // namespace

BelowBound branch_and_bound(const WeightedGraph& graph, const BalanceLimits& limits, const BranchOptions& options) {
  if (graph.vertices() > kMostVertices) return {};
  return Search(graph, limits, options).run();
}

}  // namespace mp::partition
