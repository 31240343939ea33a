#include "partition/acyclic/task_dag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <string>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::partition {
namespace {

using Ends = std::pair<VertexId, VertexId>;

// Rows of second ends by first end; `ends` sorted.
void fill_rows(std::span<const Ends> ends, std::size_t vertices, std::vector<std::int64_t>& offsets,
               std::vector<VertexId>& list) {
  offsets.assign(vertices + 1, 0);
  for (const Ends& e : ends) {
    ++offsets[index(e.first) + 1];
    list.push_back(e.second);
  }
  for (std::size_t v = 0; v < vertices; ++v) offsets[v + 1] += offsets[v];
}

std::vector<Ends> checked_ends(std::span<const Arc> arcs, std::size_t vertices) {
  std::vector<Ends> ends;
  for (std::size_t i = 0; i < arcs.size(); ++i) {
    for (const VertexId end : {arcs[i].from, arcs[i].to})
      if (end == kNone<VertexId> || index(end) >= vertices)
        throw InputError("<graph>", Issue{.place = fmt::format("arc {}", i),
                                          .message = fmt::format("vertex {} is not one of the {} vertices",
                                                                 static_cast<std::int32_t>(end), vertices)});
    if (arcs[i].from != arcs[i].to) ends.emplace_back(arcs[i].from, arcs[i].to);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

std::vector<std::int32_t> predecessor_counts(const TaskDag& dag) {
  std::vector<std::int32_t> counts;
  for (std::size_t v = 0; v + 1 < dag.predecessor_offsets.size(); ++v)
    counts.push_back(static_cast<std::int32_t>(dag.predecessor_offsets[v + 1] - dag.predecessor_offsets[v]));
  return counts;
}

// Walks back from a vertex that never got ready, always to another such vertex, until one comes again.
[[noreturn]] void refuse_cycle(const TaskDag& dag, const std::vector<std::int32_t>& waiting) {
  auto v =
      make_id<VertexId>(std::find_if(waiting.begin(), waiting.end(), [](auto n) { return n > 0; }) - waiting.begin());
  std::vector<VertexId> path;
  while (std::find(path.begin(), path.end(), v) == path.end()) {
    path.push_back(v);
    const auto row = dag.predecessors_of(v);
    v = *std::find_if(row.begin(), row.end(), [&](VertexId u) { return waiting[index(u)] > 0; });
  }
  std::string text = std::to_string(index(v));
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    text += fmt::format(" -> {}", index(*it));
    if (*it == v) break;
  }
  throw InputError("<graph>", Issue{.place = "", .message = "the arcs form a cycle: " + text});
}

void check_acyclic(const TaskDag& dag) {
  std::vector<std::int32_t> waiting = predecessor_counts(dag);
  std::vector<VertexId> ready;
  for (std::size_t v = 0; v < waiting.size(); ++v)
    if (waiting[v] == 0) ready.push_back(make_id<VertexId>(v));
  std::size_t done = 0;
  for (; done < ready.size(); ++done)
    for (const VertexId u : dag.successors_of(ready[done]))
      if (--waiting[index(u)] == 0) ready.push_back(u);
  if (done < waiting.size()) refuse_cycle(dag, waiting);
}

// The order of ready vertices as a priority: the greatest goes first.
class Ranker {
 public:
  Ranker(const TaskDag& dag, OrderPolicy policy, RandomSource& random)
      : dag_(dag), policy_(policy), random_(random), placed_(static_cast<std::size_t>(dag.graph.vertices()), 0) {}

  std::int64_t rank(VertexId v) {
    ++clock_;
    switch (policy_) {
      case OrderPolicy::kBreadthFirst:
        return -clock_;
      case OrderPolicy::kDepthFirst:
        return clock_;
      case OrderPolicy::kLeastOpen:
        return closed_less_opened(v);
      case OrderPolicy::kRandom:
        return static_cast<std::int64_t>(random_.next() >> 1U);
    }
    return 0;
  }
  void place(VertexId v) { placed_[index(v)] = 1; }
  [[nodiscard]] bool changes_with_neighbours() const { return policy_ == OrderPolicy::kLeastOpen; }

 private:
  [[nodiscard]] std::int64_t closed_less_opened(VertexId v) const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < dag_.graph.neighbours_of(v).size(); ++i) {
      const Weight w = dag_.graph.edge_weights_of(v)[i];
      sum += placed_[index(dag_.graph.neighbours_of(v)[i])] != 0 ? w : -w;
    }
    return sum;
  }

  const TaskDag& dag_;
  OrderPolicy policy_;
  RandomSource& random_;
  std::vector<char> placed_;
  std::int64_t clock_ = 0;
};

}  // namespace

TaskDag make_task_dag(WeightedGraph graph, std::span<const Arc> arcs) {
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  std::vector<Ends> ends = checked_ends(arcs, vertices);
  TaskDag dag;
  dag.graph = std::move(graph);
  fill_rows(ends, vertices, dag.successor_offsets, dag.successor_list);
  for (Ends& e : ends) std::swap(e.first, e.second);
  std::sort(ends.begin(), ends.end());
  fill_rows(ends, vertices, dag.predecessor_offsets, dag.predecessor_list);
  check_acyclic(dag);
  return dag;
}

std::vector<VertexId> topological_order(const TaskDag& dag, OrderPolicy policy, RandomSource& random) {
  struct Ready {
    std::int64_t rank;
    VertexId vertex;
    bool operator<(const Ready& other) const { return rank != other.rank ? rank < other.rank : vertex > other.vertex; }
  };
  std::vector<std::int32_t> waiting = predecessor_counts(dag);
  std::vector<char> done(waiting.size(), 0);
  Ranker ranker(dag, policy, random);
  std::priority_queue<Ready> ready;
  const auto push = [&](VertexId v) { ready.push({.rank = ranker.rank(v), .vertex = v}); };
  for (const VertexId v : ids<VertexId>(waiting.size()))
    if (waiting[index(v)] == 0) push(v);
  std::vector<VertexId> order;
  while (!ready.empty()) {
    const VertexId v = ready.top().vertex;
    ready.pop();
    if (std::exchange(done[index(v)], 1) != 0) continue;  // an outdated rank of a vertex that was placed since
    order.push_back(v);
    ranker.place(v);
    for (const VertexId u : dag.successors_of(v))
      if (--waiting[index(u)] == 0) push(u);
    if (ranker.changes_with_neighbours())
      for (const VertexId u : dag.graph.neighbours_of(v))
        if (waiting[index(u)] == 0 && done[index(u)] == 0) push(u);
  }
  MP_CHECK(order.size() == waiting.size());
  return order;
}

std::vector<BlockId> block_order(const TaskDag& dag, const Assignment& assignment, std::int32_t blocks) {
  const auto count = static_cast<std::size_t>(blocks);
  std::vector<std::vector<BlockId>> after(count);
  for (const VertexId v : ids<VertexId>(assignment.size()))
    for (const VertexId u : dag.successors_of(v))
      if (assignment[u] != assignment[v]) after[index(assignment[v])].push_back(assignment[u]);
  IdVector<BlockId, std::int32_t> waiting(count, 0);
  for (std::vector<BlockId>& row : after) {
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    for (const BlockId b : row) ++waiting[b];
  }
  IdVector<BlockId, char> used(count, 0);
  for (const BlockId b : assignment) used[b] = 1;
  std::vector<BlockId> order;
  for (const BlockId b : ids<BlockId>(count))
    if (waiting[b] == 0 && used[b] != 0) order.push_back(b);
  for (std::size_t i = 0; i < order.size(); ++i)
    for (const BlockId b : after[index(order[i])])
      if (--waiting[b] == 0) order.push_back(b);
  for (const BlockId b : ids<BlockId>(count))
    if (used[b] == 0) order.push_back(b);
  return order.size() == count ? order : std::vector<BlockId>{};
}

bool is_acyclic(const TaskDag& dag, const Assignment& assignment, std::int32_t blocks) {
  return !block_order(dag, assignment, blocks).empty();
}

}  // namespace mp::partition
