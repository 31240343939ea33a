#include "partition/exact/max_flow.hpp"

#include <algorithm>
#include <limits>

namespace mp::partition {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

MaxFlow::MaxFlow(const WeightedGraph& graph)
    : graph_(&graph),
      reverse_(graph.neighbours.size()),
      level_(static_cast<std::size_t>(graph.vertices()), -1),
      next_(static_cast<std::size_t>(graph.vertices()), 0) {
  // Rows are sorted, so visiting the vertices in order meets each row's entries in order.
  std::vector<std::int64_t> met(graph.offsets.begin(), graph.offsets.end() - 1);
  for (const VertexId v : ids<VertexId>(level_.size()))
    for (std::int64_t i = graph.offsets[index(v)]; i < graph.offsets[index(v) + 1]; ++i)
      reverse_[at(i)] = met[index(graph.neighbours[at(i)])]++;
}

Weight MaxFlow::run(VertexId source, VertexId sink, Weight enough) {
  residual_ = graph_->edge_weights;
  Weight flow = 0;
  while (flow < enough && find_levels(source, sink)) {
    for (const VertexId v : ids<VertexId>(next_.size())) next_[v] = graph_->offsets[index(v)];
    while (flow < enough) {
      const Weight more = augment(source, sink);
      if (more == 0) break;
      flow += more;
    }
  }
  return flow;
}

bool MaxFlow::find_levels(VertexId source, VertexId sink) {
  std::fill(level_.begin(), level_.end(), -1);
  queue_.assign(1, source);
  level_[source] = 0;
  for (std::size_t head = 0; head < queue_.size(); ++head) {
    const VertexId v = queue_[head];
    for (std::int64_t i = graph_->offsets[index(v)]; i < graph_->offsets[index(v) + 1]; ++i) {
      const VertexId u = graph_->neighbours[at(i)];
      if (residual_[at(i)] == 0 || level_[u] >= 0) continue;
      level_[u] = level_[v] + 1;
      queue_.push_back(u);
    }
  }
  return level_[sink] >= 0;
}

// One path of the level graph, found by walking forward and stepping back from dead ends; 0 if there is none left.
Weight MaxFlow::augment(VertexId source, VertexId sink) {
  path_.clear();
  VertexId v = source;
  while (v != sink) {
    const std::int64_t i = next_[v];
    if (i == graph_->offsets[index(v) + 1]) {
      if (path_.empty()) return 0;
      v = graph_->neighbours[at(reverse_[at(path_.back())])];
      path_.pop_back();
      ++next_[v];
    } else if (residual_[at(i)] > 0 && level_[graph_->neighbours[at(i)]] == level_[v] + 1) {
      path_.push_back(i);
      v = graph_->neighbours[at(i)];
    } else {
      ++next_[v];
    }
  }
  Weight least = std::numeric_limits<Weight>::max();
  for (const std::int64_t i : path_) least = std::min(least, residual_[at(i)]);
  for (const std::int64_t i : path_) {
    residual_[at(i)] -= least;
    residual_[at(reverse_[at(i)])] += least;
  }
  return least;
}

}  // namespace mp::partition
