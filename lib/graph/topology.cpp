#include "lib/graph/topology.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace mp {

std::vector<std::int32_t> topological_order(const Predecessors& predecessors) {
  const std::size_t n = predecessors.size();
  std::vector<std::vector<std::int32_t>> successors(n);
  std::vector<std::size_t> waiting_for(n);
  std::priority_queue<std::int32_t, std::vector<std::int32_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < n; ++i) {
    waiting_for[i] = predecessors[i].size();
    for (const std::int32_t p : predecessors[i]) successors[static_cast<std::size_t>(p)].push_back(static_cast<int>(i));
    if (waiting_for[i] == 0) ready.push(static_cast<std::int32_t>(i));
  }
  std::vector<std::int32_t> order;
  order.reserve(n);
  while (!ready.empty()) {
    const std::int32_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const std::int32_t s : successors[static_cast<std::size_t>(next)]) {
      if (--waiting_for[static_cast<std::size_t>(s)] == 0) ready.push(s);
    }
  }
  return order;
}

std::vector<std::vector<std::int32_t>> find_cycles(const Predecessors& predecessors,
                                                   const std::vector<std::int32_t>& order) {
  // Each missing position has a missing predecessor. Walk backwards along the first of them: a walk that meets itself
  // has found a cycle; one that meets an older walk has found nothing new.
  constexpr std::int32_t kNever = -1;
  constexpr std::int32_t kOrdered = -2;
  std::vector<std::int32_t> walk_of(predecessors.size(), kNever);
  for (const std::int32_t i : order) walk_of[static_cast<std::size_t>(i)] = kOrdered;
  std::vector<std::vector<std::int32_t>> cycles;
  for (std::size_t start = 0; start < predecessors.size(); ++start) {
    if (walk_of[start] != kNever) continue;
    const auto walk = static_cast<std::int32_t>(start);
    std::vector<std::int32_t> path;
    std::int32_t at = walk;
    while (walk_of[static_cast<std::size_t>(at)] == kNever) {
      walk_of[static_cast<std::size_t>(at)] = walk;
      path.push_back(at);
      const std::vector<std::int32_t>& before = predecessors[static_cast<std::size_t>(at)];
      at = *std::find_if(before.begin(), before.end(),
                         [&](std::int32_t p) { return walk_of[static_cast<std::size_t>(p)] != kOrdered; });
    }
    if (walk_of[static_cast<std::size_t>(at)] != walk) continue;
    std::vector<std::int32_t> cycle(std::find(path.begin(), path.end(), at), path.end());
    std::reverse(cycle.begin(), cycle.end());
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    cycles.push_back(std::move(cycle));
  }
  return cycles;
}

}  // namespace mp
