// Minimum cuts of a flow network that also split it evenly enough.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "partition/multilevel/flow_network.hpp"

namespace mp::partition {

// What the cutter must know of the nodes besides the network.
struct FlowNodes {
  std::int32_t constraints = 1;
  std::vector<Weight> weights;         // nodes × constraints
  std::vector<std::int32_t> distance;  // from the present cut: > 0 on the source's side, < 0 on the sink's
  std::array<std::span<const Weight>, 2> max_weights;  // of the source's side, the sink's side
};

struct FlowCut {
  bool found = false;
  Weight value = 0;
  std::vector<std::uint8_t> on_sink_side;  // by node
};

// Grows source and sink side in turn, always at a minimum cut between them, until one of the two cuts keeps
// both weight limits; gives up when the cut would have to exceed `bound`.
class FlowCutter {
 public:
  // Gives up as well when it has looked at `budget` arcs, and takes what it used off it.
  [[nodiscard]] const FlowCut& cut(FlowNetwork& network, const FlowNodes& nodes, Weight bound, std::int64_t& budget);

 private:
  enum Side : std::uint8_t { kSourceSide = 0, kSinkSide = 1 };
  struct Reach {
    std::vector<FlowNode> nodes;  // terminals first, then what can be reached from them
    std::size_t terminals = 0;
    std::size_t scan_from = 0;           // terminals before this have no residual arc out of the side
    std::vector<std::uint8_t> reached;   // by node
    std::vector<std::uint8_t> terminal;  // by node
    std::vector<Weight> weights;         // of `nodes`, per constraint
    int pierced = 0;                     // rounds of piercing that needed more flow
    std::vector<FlowNode> border;        // nodes seen beyond saturated arcs: where to pierce
    std::size_t settled_border = 0;      // of these, seen from terminals
  };

  void start(std::size_t count);
  void add_terminals(Side side, std::span<const FlowNode> added);
  void visit(Side side, FlowNode v);
  void forget_reached(Side side);
  void extend(Side side);
  bool maximise_flow(Weight bound, std::int64_t& budget);
  bool layer(std::int64_t& budget);
  Weight block_flow();
  Weight augment();
  Weight residual(Side side, std::int32_t arc) const;
  bool feasible(Side side) const;
  double fullness(Side side) const;
  FlowNode piercing_node(Side side);
  bool pierce(Side side);
  void settle(Side side);
  Weight missing_weight(Side side) const;
  const FlowCut& report(Side side);

  FlowNetwork* network_ = nullptr;
  const FlowNodes* nodes_ = nullptr;
  Weight flow_ = 0;
  std::array<Reach, 2> reach_;
  std::vector<Weight> total_;
  std::vector<std::int32_t> level_;
  std::vector<std::int32_t> current_;
  std::vector<FlowNode> queue_;
  std::vector<std::int32_t> path_;
  std::vector<FlowNode> pierced_;
  FlowCut cut_;
};

}  // namespace mp::partition
