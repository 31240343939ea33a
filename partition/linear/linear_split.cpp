#include "partition/linear/linear_split.hpp"

#include <algorithm>
#include <compare>
#include <limits>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

// The worth of the intervals so far: less is better.
struct Worth {
  double excess = std::numeric_limits<double>::infinity();
  Weight cut = std::numeric_limits<Weight>::max();
  friend auto operator<=>(const Worth&, const Worth&) = default;
};

class LinearSplit {
 public:
  LinearSplit(const WeightedGraph& graph, const BalanceLimits& limits)
      : graph_(graph),
        limits_(limits),
        n_(static_cast<std::size_t>(graph.vertices())),
        constraints_(static_cast<std::size_t>(graph.constraints)),
        totals_(total_weights(graph)) {
    sum_up_weights();
    sum_up_edges_back();
  }

  Assignment run() {
    std::vector<Worth> best(n_ + 1);
    best[0] = {.excess = 0.0, .cut = 0};
    std::vector<std::vector<std::int32_t>> begins;  // [block][end]: where the block begins
    for (std::int32_t b = 0; b < limits_.blocks; ++b) {
      std::vector<Worth> next(n_ + 1);
      begins.emplace_back(n_ + 1, 0);
      for (std::size_t end = 0; end <= n_; ++end) extend(best, make_id<BlockId>(b), end, next[end], begins.back()[end]);
      best = std::move(next);
    }
    return read_off(begins);
  }

 private:
  // weights_[end × constraints + c]: of the vertices before `end`.
  void sum_up_weights() {
    weights_.assign((n_ + 1) * constraints_, 0);
    for (std::size_t i = 0; i < n_ * constraints_; ++i)
      weights_[i + constraints_] = weights_[i] + graph_.vertex_weights[i];
  }

  // back_[end × (n + 1) + begin]: weight of the edges from the vertices in [begin, end) to those before `begin`.
  // Interval by interval these sum up to the cut.
  void sum_up_edges_back() {
    back_.assign((n_ + 1) * (n_ + 1), 0);
    std::vector<Weight> reach(n_ + 1);  // [begin]: weight of the edges of one vertex to those before `begin`
    for (std::size_t v = 0; v < n_; ++v) {
      std::fill(reach.begin(), reach.end(), 0);
      const VertexId id = make_id<VertexId>(v);
      for (std::size_t e = 0; e < graph_.neighbours_of(id).size(); ++e) {
        const std::size_t u = index(graph_.neighbours_of(id)[e]);
        if (u < v) reach[u + 1] += graph_.edge_weights_of(id)[e];
      }
      Weight sum = 0;
      for (std::size_t begin = 0; begin <= v; ++begin) {
        sum += reach[begin];
        back_[(v + 1) * (n_ + 1) + begin] = back_[v * (n_ + 1) + begin] + sum;
      }
    }
  }

  [[nodiscard]] double excess(BlockId block, std::size_t begin, std::size_t end) const {
    double sum = 0.0;
    for (std::size_t c = 0; c < constraints_; ++c) {
      const Weight over = weights_[end * constraints_ + c] - weights_[begin * constraints_ + c] - limits_.of(block)[c];
      if (over > 0) sum += static_cast<double>(over) / static_cast<double>(totals_[c]);
    }
    return sum;
  }

  // The best way to end `block` at `end`, whatever the blocks before it are.
  void extend(const std::vector<Worth>& best, BlockId block, std::size_t end, Worth& worth, std::int32_t& from) const {
    for (std::size_t begin = end + 1; begin-- > 0;) {
      if (best[begin].cut == std::numeric_limits<Weight>::max()) continue;
      const Worth candidate{.excess = best[begin].excess + excess(block, begin, end),
                            .cut = best[begin].cut + back_[end * (n_ + 1) + begin]};
      if (candidate < worth) {
        worth = candidate;
        from = static_cast<std::int32_t>(begin);
      }
    }
  }

  [[nodiscard]] Assignment read_off(const std::vector<std::vector<std::int32_t>>& begins) const {
    Assignment assignment(n_, BlockId{0});
    std::size_t end = n_;
    for (std::int32_t b = limits_.blocks - 1; b >= 0; --b) {
      const auto begin = static_cast<std::size_t>(begins[static_cast<std::size_t>(b)][end]);
      for (std::size_t v = begin; v < end; ++v) assignment[make_id<VertexId>(v)] = make_id<BlockId>(b);
      end = begin;
    }
    MP_CHECK(end == 0);
    return assignment;
  }

  const WeightedGraph& graph_;
  const BalanceLimits& limits_;
  std::size_t n_;
  std::size_t constraints_;
  std::vector<Weight> totals_;
  std::vector<Weight> weights_;
  std::vector<Weight> back_;
};

}  // namespace

Assignment linear_split(const WeightedGraph& graph, const BalanceLimits& limits) {
  MP_CHECK(graph.vertices() <= kMaxLinearVertices);
  return LinearSplit(graph, limits).run();
}

}  // namespace mp::partition
