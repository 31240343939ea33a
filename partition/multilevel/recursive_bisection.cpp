// Recursive bisection with limits that leave the deeper bisections room: each level may use only its share of
// the total slack (Schlag et al., ALENEX 2016, "adaptive imbalance").
#include "partition/multilevel/recursive_bisection.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "partition/graph/random_source.hpp"

namespace mp::partition {
namespace {

// A part of the graph that shall become blocks first … first + count − 1.
struct Part {
  WeightedGraph graph;
  std::vector<VertexId> origin;     // vertices in the whole graph; empty for the whole graph itself
  std::vector<std::int32_t> fixed;  // block of the whole partition or −1; may be empty
  std::int32_t first = 0;
  std::int32_t count = 0;
};

class Splitter {
 public:
  Splitter(const BalanceLimits& limits, const BisectionOptions& options, std::size_t vertices)
      : limits_(limits), options_(options), result_(vertices), local_(vertices) {}

  void split(const WeightedGraph& graph, std::span<const VertexId> origin, std::span<const std::int32_t> fixed,
             std::int32_t first, std::int32_t count) {
    if (count == 1) {
      for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
        result_[origin.empty() ? v : origin[index(v)]] = make_id<BlockId>(first);
      }
      return;
    }
    const std::int32_t left = (count + 1) / 2;
    BisectionOptions options = options_;
    options.seed =
        mix_seed(options_.seed, static_cast<std::uint64_t>(first) * 65536 + static_cast<std::uint64_t>(count));
    const Bisection halves =
        bisect(graph, side_limits(graph, first, left, count), side_of(fixed, first + left), options, scratch_);
    for (std::int32_t side = 0; side < 2; ++side) {
      const Part part = extract(graph, origin, fixed, halves.side, make_id<BlockId>(side));
      split(part.graph, part.origin, part.fixed, side == 0 ? first : first + left, side == 0 ? left : count - left);
    }
  }

  [[nodiscard]] Assignment take() && { return std::move(result_); }

 private:
  // What the two halves of blocks [first, first + count) may weigh.
  BalanceLimits side_limits(const WeightedGraph& graph, std::int32_t first, std::int32_t left,
                            std::int32_t count) const {
    const auto constraints = static_cast<std::size_t>(graph.constraints);
    std::vector<double> totals(constraints, 0);
    for (std::size_t i = 0; i < graph.vertex_weights.size(); ++i) {
      totals[i % constraints] += static_cast<double>(graph.vertex_weights[i]);
    }
    BalanceLimits sides{.blocks = 2, .constraints = graph.constraints, .max_weights = {}};
    for (const auto& [begin, blocks] : {std::pair{first, left}, std::pair{first + left, count - left}}) {
      for (std::size_t c = 0; c < constraints; ++c) {
        const double room = capacity(begin, blocks, c);
        const double slack = totals[c] > 0 ? capacity(first, count, c) / totals[c] : 1;
        // This bisection and the deepest chain of those below it share the slack.
        const int depth = static_cast<int>(std::bit_width(static_cast<std::uint32_t>(count - 1)));
        const double share = blocks == 1 || slack <= 1 ? 1.0 : std::pow(slack, 1.0 / depth) / slack;
        sides.max_weights.push_back(static_cast<Weight>(std::floor(std::min(room * share, 4e18))));
      }
    }
    return sides;
  }

  double capacity(std::int32_t first, std::int32_t count, std::size_t constraint) const {
    double sum = 0;
    for (std::int32_t b = first; b < first + count; ++b) {
      sum += static_cast<double>(limits_.of(make_id<BlockId>(b))[constraint]);
    }
    return sum;
  }

  static std::vector<std::int32_t> side_of(std::span<const std::int32_t> fixed, std::int32_t middle) {
    std::vector<std::int32_t> sides(fixed.begin(), fixed.end());
    for (std::int32_t& side : sides) side = side < 0 ? -1 : (side < middle ? 0 : 1);
    return sides;
  }

  Part extract(const WeightedGraph& graph, std::span<const VertexId> origin, std::span<const std::int32_t> fixed,
               const Assignment& side, BlockId wanted) {
    Part part;
    part.graph.constraints = graph.constraints;
    std::vector<VertexId> inside;
    for (const VertexId v : ids<VertexId>(side.size())) {
      if (side[v] != wanted) continue;
      local_[v] = make_id<VertexId>(inside.size());
      inside.push_back(v);
    }
    for (const VertexId v : inside) {
      part.origin.push_back(origin.empty() ? v : origin[index(v)]);
      if (!fixed.empty()) part.fixed.push_back(fixed[index(v)]);
      for (const Weight w : graph.weights_of(v)) part.graph.vertex_weights.push_back(w);
      const std::span<const VertexId> neighbours = graph.neighbours_of(v);
      for (std::size_t i = 0; i < neighbours.size(); ++i) {
        if (side[neighbours[i]] != wanted) continue;
        part.graph.neighbours.push_back(local_[neighbours[i]]);
        part.graph.edge_weights.push_back(graph.edge_weights_of(v)[i]);
      }
      part.graph.offsets.push_back(static_cast<std::int64_t>(part.graph.neighbours.size()));
    }
    return part;
  }

  const BalanceLimits& limits_;
  const BisectionOptions& options_;
  Assignment result_;
  IdVector<VertexId, VertexId> local_;  // scratch: vertex → vertex of the part being extracted
  TwoWayScratch scratch_;
};

}  // namespace

Assignment recursive_bisection(const WeightedGraph& graph, const BalanceLimits& limits,
                               std::span<const std::int32_t> fixed, const BisectionOptions& options) {
  Splitter splitter(limits, options, static_cast<std::size_t>(graph.vertices()));
  splitter.split(graph, {}, fixed, 0, limits.blocks);
  return std::move(splitter).take();
}

}  // namespace mp::partition
