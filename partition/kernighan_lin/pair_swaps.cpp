#include "partition/kernighan_lin/pair_swaps.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace mp::partition {
namespace {

constexpr std::size_t kCandidates = 24;
constexpr std::size_t kPatience = 12;

struct Candidate {
  Weight gain = 0;
  VertexId vertex = kNone<VertexId>;
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.gain != b.gain ? a.gain > b.gain : a.vertex < b.vertex;
  }
};

struct Exchange {
  VertexId first = kNone<VertexId>;
  VertexId second = kNone<VertexId>;
  Weight gain = 0;
};

Weight edge_between(const WeightedGraph& graph, VertexId u, VertexId v) {
  if (graph.neighbours_of(u).size() > graph.neighbours_of(v).size()) std::swap(u, v);
  const auto row = graph.neighbours_of(u);
  const auto found = std::find(row.begin(), row.end(), v);
  return found == row.end() ? 0 : graph.edge_weights_of(u)[static_cast<std::size_t>(found - row.begin())];
}

class PairPass {
 public:
  PairPass(TrackedPartition& partition, Connectivity& connectivity, BlockId a, BlockId b,
           std::vector<VertexId> vertices)
      : partition_(partition), connectivity_(connectivity), a_(a), b_(b), free_(std::move(vertices)) {}

  std::int64_t run() {
    Weight best_cut = partition_.cut();
    double best_violation = partition_.violation();
    std::size_t best = 0;
    while (done_.size() - best < kPatience) {
      const Exchange exchange = best_exchange();
      if (exchange.first == kNone<VertexId>) break;
      apply(exchange);
      if (std::pair(partition_.violation(), partition_.cut()) < std::pair(best_violation, best_cut)) {
        best_violation = partition_.violation();
        best_cut = partition_.cut();
        best = done_.size();
      }
    }
    for (; done_.size() > best; done_.pop_back()) undo(done_.back());
    return static_cast<std::int64_t>(best);
  }

 private:
  // Gains of single moves only fall short of an exchange's by the edge between the two, so the best pair is among
  // the highest of each side as soon as no later pair's sum can reach it.
  [[nodiscard]] Exchange best_exchange() {
    const std::vector<Candidate> first = candidates(a_, b_);
    const std::vector<Candidate> second = candidates(b_, a_);
    Exchange best;
    for (const Candidate& u : first) {
      for (const Candidate& v : second) {
        if (best.first != kNone<VertexId> && u.gain + v.gain <= best.gain) break;
        const Weight gain = u.gain + v.gain - 2 * edge_between(partition_.graph(), u.vertex, v.vertex);
        if ((best.first == kNone<VertexId> || gain > best.gain) && allowed(u.vertex, v.vertex))
          best = {.first = u.vertex, .second = v.vertex, .gain = gain};
      }
    }
    return best;
  }

  [[nodiscard]] std::vector<Candidate> candidates(BlockId from, BlockId to) {
    std::vector<Candidate> result;
    for (const VertexId v : free_)
      if (partition_.block_of(v) == from)
        result.push_back({.gain = connectivity_.to_block(v, to) - connectivity_.to_block(v, from), .vertex = v});
    const std::size_t kept = std::min(kCandidates, result.size());
    std::partial_sort(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(kept), result.end());
    result.resize(kept);
    return result;
  }

  // Whether the blocks keep their limits after the exchange, or are above them by no more than before.
  [[nodiscard]] bool allowed(VertexId u, VertexId v) const {
    const auto wu = partition_.graph().weights_of(u);
    const auto wv = partition_.graph().weights_of(v);
    for (std::size_t c = 0; c < wu.size(); ++c) {
      const Weight to_a = wv[c] - wu[c];
      if (to_a > 0 && partition_.weights_of(a_)[c] + to_a > partition_.limits().of(a_)[c]) return false;
      if (to_a < 0 && partition_.weights_of(b_)[c] - to_a > partition_.limits().of(b_)[c]) return false;
    }
    return true;
  }

  void apply(const Exchange& exchange) {
    connectivity_.move(exchange.first, b_);
    connectivity_.move(exchange.second, a_);
    done_.push_back(exchange);
    std::erase_if(free_, [&](VertexId v) { return v == exchange.first || v == exchange.second; });
  }
  void undo(const Exchange& exchange) {
    connectivity_.move(exchange.first, a_);
    connectivity_.move(exchange.second, b_);
  }

  TrackedPartition& partition_;
  Connectivity& connectivity_;
  BlockId a_;
  BlockId b_;
  std::vector<VertexId> free_;
  std::vector<Exchange> done_;
};

// Per pair of adjacent blocks a < b, the vertices of either with a neighbour in the other.
using Boundary = std::vector<std::pair<std::pair<BlockId, BlockId>, VertexId>>;

Boundary pair_boundaries(TrackedPartition& partition, Connectivity& connectivity, std::span<const BlockId> fixed) {
  Boundary result;
  for (const VertexId v : ids<VertexId>(partition.assignment().size())) {
    if (!fixed.empty() && fixed[index(v)] != kNone<BlockId>) continue;
    const BlockId own = partition.block_of(v);
    for (const Connectivity::Tie& tie : connectivity.row(v))
      if (tie.block != own) result.push_back({std::minmax(own, tie.block), v});
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

std::int64_t swap_pass(TrackedPartition& partition, Connectivity& connectivity, std::span<const BlockId> fixed) {
  const Boundary boundary = pair_boundaries(partition, connectivity, fixed);
  std::int64_t kept = 0;
  for (auto begin = boundary.begin(); begin != boundary.end();) {
    const auto pair = begin->first;
    std::vector<VertexId> vertices;
    for (; begin != boundary.end() && begin->first == pair; ++begin) {
      const BlockId now = partition.block_of(begin->second);  // an earlier pair may have moved it
      if (now == pair.first || now == pair.second) vertices.push_back(begin->second);
    }
    kept += PairPass(partition, connectivity, pair.first, pair.second, std::move(vertices)).run();
  }
  return kept;
}

}  // namespace mp::partition
