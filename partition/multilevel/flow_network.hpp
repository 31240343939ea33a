// An undirected flow network with residual capacities, rebuilt in place for one block pair after the other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

enum class FlowNode : std::int32_t {};

// Nodes kSource and kSink come first. An undirected edge of capacity c is two arcs, each the other's reverse,
// with residual capacity c at first.
class FlowNetwork {
 public:
  static constexpr FlowNode kSource{0};
  static constexpr FlowNode kSink{1};

  struct Arc {
    FlowNode head;
    std::int32_t reverse;  // position of the arc back
    Weight residual;
  };

  // Empties the network; `nodes` counts source and sink.
  void clear(std::size_t nodes);
  void add_edge(FlowNode a, FlowNode b, Weight capacity) { edges_.push_back({a, b, capacity}); }
  // Builds the arcs from the edges added.
  void finish();

  [[nodiscard]] std::size_t nodes() const { return starts_.size() - 1; }
  [[nodiscard]] std::int32_t first_arc(FlowNode v) const { return starts_[index(v)]; }
  [[nodiscard]] std::int32_t last_arc(FlowNode v) const { return starts_[index(v) + 1]; }
  [[nodiscard]] Arc& arc(std::int32_t a) { return arcs_[static_cast<std::size_t>(a)]; }
  [[nodiscard]] const Arc& arc(std::int32_t a) const { return arcs_[static_cast<std::size_t>(a)]; }
  // Sends `amount` over arc a.
  void push(std::int32_t a, Weight amount) {
    arc(a).residual -= amount;
    arc(arc(a).reverse).residual += amount;
  }

 private:
  struct Edge {
    FlowNode a;
    FlowNode b;
    Weight capacity;
  };
  std::vector<Edge> edges_;
  std::vector<std::int32_t> starts_{0};
  std::vector<Arc> arcs_;
  std::vector<std::int32_t> next_;  // scratch of finish()
};

}  // namespace mp::partition
