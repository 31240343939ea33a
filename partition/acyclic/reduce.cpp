#include "partition/acyclic/reduce.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace mp::partition {
namespace {

using Rows = std::vector<std::vector<std::int32_t>>;

Rows quotient_rows(const TaskDag& dag, const Classes& classes) {
  Rows rows(static_cast<std::size_t>(classes.count));
  for (const VertexId v : ids<VertexId>(classes.of.size()))
    for (const VertexId u : dag.successors_of(v))
      if (classes.of[u] != classes.of[v]) rows[static_cast<std::size_t>(classes.of[v])].push_back(classes.of[u]);
  for (auto& row : rows) {
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
  }
  return rows;
}

// Strongly connected components (R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Computing 1,
// 1972), with a stack of our own: graphs may be deeper than the machine's.
class Components {
 public:
  explicit Components(const Rows& rows) : rows_(rows), number_(rows.size(), -1), low_(rows.size(), 0) {
    result_.of.resize(rows.size(), -1);
    for (std::size_t v = 0; v < rows.size(); ++v)
      if (number_[v] < 0) visit_from(v);
  }
  [[nodiscard]] Classes take() && { return std::move(result_); }

 private:
  struct Frame {
    std::size_t vertex;
    std::size_t next;
  };

  void enter(std::size_t v) {
    number_[v] = low_[v] = clock_++;
    open_.push_back(v);
    frames_.push_back({.vertex = v, .next = 0});
  }

  void visit_from(std::size_t root) {
    enter(root);
    while (!frames_.empty()) {
      const std::size_t v = frames_.back().vertex;
      if (frames_.back().next < rows_[v].size()) {
        const auto u = static_cast<std::size_t>(rows_[v][frames_.back().next++]);
        if (number_[u] < 0)
          enter(u);
        else if (component(u) < 0)
          low_[v] = std::min(low_[v], number_[u]);
      } else {
        leave(v);
      }
    }
  }

  void leave(std::size_t v) {
    frames_.pop_back();
    if (!frames_.empty()) low_[frames_.back().vertex] = std::min(low_[frames_.back().vertex], low_[v]);
    if (low_[v] != number_[v]) return;
    std::size_t u = 0;
    do {
      u = open_.back();
      open_.pop_back();
      component(u) = result_.count;
    } while (u != v);
    ++result_.count;
  }

  std::int32_t& component(std::size_t v) { return result_.of[make_id<VertexId>(v)]; }

  const Rows& rows_;
  std::vector<std::int32_t> number_;
  std::vector<std::int32_t> low_;
  std::vector<std::size_t> open_;
  std::vector<Frame> frames_;
  std::int32_t clock_ = 0;
  Classes result_;
};

TaskDag quotient(const TaskDag& dag, const Classes& classes) {
  std::vector<Arc> arcs;
  const Rows rows = quotient_rows(dag, classes);
  for (std::size_t v = 0; v < rows.size(); ++v)
    for (const std::int32_t u : rows[v]) arcs.push_back({.from = make_id<VertexId>(v), .to = make_id<VertexId>(u)});
  return make_task_dag(contracted(dag.graph, classes), arcs);
}

}  // namespace

ReducedDag reduce_dag(const TaskDag& dag, Weight bound) {
  ReducedDag result{.dag = dag, .classes = {}};
  result.classes.count = dag.graph.vertices();
  for (std::int32_t v = 0; v < dag.graph.vertices(); ++v) result.classes.of.push_back(v);
  while (true) {
    const Classes heavy = inseparable_classes(result.dag.graph, bound);
    const Classes merged = composed(heavy, Components(quotient_rows(result.dag, heavy)).take());
    if (merged.count == result.dag.graph.vertices()) return result;
    result.classes = composed(result.classes, merged);
    result.dag = quotient(dag, result.classes);
  }
}

}  // namespace mp::partition
