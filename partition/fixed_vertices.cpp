#include "partition/fixed_vertices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::partition {
namespace {

struct Agreement {
  std::int64_t weight = 0;  // degree of the fixed vertices that lie right under this name
  BlockId from = kNone<BlockId>;
  BlockId to = kNone<BlockId>;
};

// Every pair (block found, block wanted) of equal limits with fixed vertices in it, the most agreeing first.
std::vector<Agreement> agreements(const WeightedGraph& graph, const BalanceLimits& limits, const Assignment& assignment,
                                  std::span<const BlockId> fixed) {
  const auto blocks = static_cast<std::size_t>(limits.blocks);
  std::vector<Agreement> table(blocks * blocks);
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    if (fixed[i] == kNone<BlockId>) continue;
    const auto v = make_id<VertexId>(i);
    Agreement& cell = table[index(assignment[v]) * blocks + index(fixed[i])];
    cell.from = assignment[v];
    cell.to = fixed[i];
    cell.weight += 1;
    for (const Weight w : graph.edge_weights_of(v)) cell.weight += w;
  }
  std::erase_if(table, [&](const Agreement& a) {
    return a.weight == 0 || !std::ranges::equal(limits.of(a.from), limits.of(a.to));
  });
  std::stable_sort(table.begin(), table.end(),
                   [](const Agreement& a, const Agreement& b) { return a.weight > b.weight; });
  return table;
}

// A permutation of the blocks: name[b] is the new name of b. Exchanges keep it one, and limits stay with weights.
IdVector<BlockId, BlockId> new_names(const BalanceLimits& limits, const std::vector<Agreement>& wanted) {
  const auto blocks = static_cast<std::size_t>(limits.blocks);
  IdVector<BlockId, BlockId> name(blocks);
  for (const BlockId b : ids<BlockId>(blocks)) name[b] = b;
  IdVector<BlockId, char> named(blocks, 0);
  IdVector<BlockId, char> given(blocks, 0);
  for (const Agreement& a : wanted) {
    if (named[a.from] != 0 || given[a.to] != 0) continue;
    named[a.from] = given[a.to] = 1;
    const auto holder = std::find(name.begin(), name.end(), a.to);
    std::swap(*holder, name[a.from]);
  }
  return name;
}

}  // namespace

void check_fixed(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const BlockId> fixed) {
  if (fixed.empty()) return;
  MP_CHECK(fixed.size() == static_cast<std::size_t>(graph.vertices()));
  std::vector<Weight> loads(limits.max_weights.size(), 0);
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  for (std::size_t v = 0; v < fixed.size(); ++v) {
    if (fixed[v] == kNone<BlockId>) continue;
    MP_CHECK(index(fixed[v]) < static_cast<std::size_t>(limits.blocks));
    for (std::size_t c = 0; c < constraints; ++c)
      loads[index(fixed[v]) * constraints + c] += graph.weights_of(make_id<VertexId>(v))[c];
  }
  for (std::size_t i = 0; i < loads.size(); ++i)
    if (loads[i] > limits.max_weights[i])
      throw InfeasibleError(fmt::format("what is pinned to block {} weighs {}, more than its limit {} (constraint {})",
                                        i / constraints, loads[i], limits.max_weights[i], i % constraints));
}

Assignment with_fixed(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                      std::span<const BlockId> fixed) {
  if (fixed.empty()) return assignment;
  const IdVector<BlockId, BlockId> name = new_names(limits, agreements(graph, limits, assignment, fixed));
  for (BlockId& b : assignment) b = name[b];
  for (std::size_t v = 0; v < fixed.size(); ++v)
    if (fixed[v] != kNone<BlockId>) assignment[make_id<VertexId>(v)] = fixed[v];
  return assignment;
}

}  // namespace mp::partition
