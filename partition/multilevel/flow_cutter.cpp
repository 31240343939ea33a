// Hamann, Strasser, "Graph bisection with Pareto optimization", ACM JEA 2018 (FlowCutter), as used to refine
// partitions by Gottesbüren, Hamann, Wagner, ESA 2019. Flows are augmented along shortest paths in whole layers
// (Dinic 1970). Deviation: the network is small and rebuilt for each pair, so nothing is shared between calls
// but memory.
#include "partition/multilevel/flow_cutter.hpp"

#include <algorithm>
#include <limits>

namespace mp::partition {

namespace {

Weight heaviest_weight(const FlowNodes& nodes, FlowNode v) {
  const auto constraints = static_cast<std::size_t>(nodes.constraints);
  const auto first = nodes.weights.begin() + static_cast<std::ptrdiff_t>(index(v) * constraints);
  return *std::max_element(first, first + nodes.constraints);
}

}  // namespace

void FlowCutter::start(std::size_t count) {
  const auto constraints = static_cast<std::size_t>(nodes_->constraints);
  for (Reach& reach : reach_) {
    reach.nodes.clear();
    reach.border.clear();
    reach.terminals = reach.scan_from = reach.settled_border = 0;
    reach.pierced = 0;
    reach.reached.assign(count, 0);
    reach.terminal.assign(count, 0);
    reach.weights.assign(constraints, 0);
  }
  level_.assign(count, -1);
  current_.resize(count);
  total_.assign(constraints, 0);
  for (std::size_t i = 0; i < nodes_->weights.size(); ++i) total_[i % constraints] += nodes_->weights[i];
  flow_ = 0;
  add_terminals(kSourceSide, std::array{FlowNetwork::kSource});
  add_terminals(kSinkSide, std::array{FlowNetwork::kSink});
}

void FlowCutter::visit(Side side, FlowNode v) {
  Reach& reach = reach_[side];
  reach.reached[index(v)] = 1;
  reach.nodes.push_back(v);
  for (std::size_t c = 0; c < reach.weights.size(); ++c) {
    reach.weights[c] += nodes_->weights[index(v) * reach.weights.size() + c];
  }
}

// Makes nodes terminals of `side`; nothing beyond the terminals may be reached at this time.
void FlowCutter::add_terminals(Side side, std::span<const FlowNode> added) {
  Reach& reach = reach_[side];
  reach.scan_from = reach.nodes.size();
  for (const FlowNode v : added) {
    visit(side, v);
    reach.terminal[index(v)] = 1;
  }
  reach.terminals = reach.nodes.size();
  reach.settled_border = reach.border.size();
}

void FlowCutter::forget_reached(Side side) {
  Reach& reach = reach_[side];
  while (reach.nodes.size() > reach.terminals) {
    const FlowNode v = reach.nodes.back();
    reach.nodes.pop_back();
    reach.reached[index(v)] = 0;
    for (std::size_t c = 0; c < reach.weights.size(); ++c) {
      reach.weights[c] -= nodes_->weights[index(v) * reach.weights.size() + c];
    }
  }
}

// Capacity left from a node of the source's side over `arc`, or towards one of the sink's side against it.
inline Weight FlowCutter::residual(Side side, std::int32_t arc) const {
  return side == kSourceSide ? network_->arc(arc).residual : network_->arc(network_->arc(arc).reverse).residual;
}

// Everything reachable from the terminals of `side`; the flow must be maximal.
void FlowCutter::extend(Side side) {
  Reach& reach = reach_[side];
  forget_reached(side);
  reach.border.resize(reach.settled_border);
  for (std::size_t head = reach.scan_from; head < reach.nodes.size(); ++head) {
    const FlowNode v = reach.nodes[head];
    for (std::int32_t a = network_->first_arc(v); a < network_->last_arc(v); ++a) {
      const FlowNode u = network_->arc(a).head;
      if (reach.reached[index(u)] != 0) continue;
      if (residual(side, a) > 0) {
        visit(side, u);
      } else {
        reach.border.push_back(u);
      }
    }
  }
}

// Distances from the source's terminals; whether a terminal of the sink can be reached.
bool FlowCutter::layer(std::int64_t& budget) {
  const Reach& source = reach_[kSourceSide];
  for (const FlowNode v : queue_) level_[index(v)] = -1;
  queue_.assign(source.nodes.begin() + static_cast<std::ptrdiff_t>(source.scan_from),
                source.nodes.begin() + static_cast<std::ptrdiff_t>(source.terminals));
  for (const FlowNode v : queue_) {
    level_[index(v)] = 0;
    current_[index(v)] = network_->first_arc(v);
  }
  std::int32_t last = std::numeric_limits<std::int32_t>::max();
  for (std::size_t head = 0; head < queue_.size(); ++head) {
    const FlowNode v = queue_[head];
    if (level_[index(v)] >= last) break;
    budget -= network_->last_arc(v) - network_->first_arc(v);
    for (std::int32_t a = network_->first_arc(v); a < network_->last_arc(v); ++a) {
      const FlowNetwork::Arc& arc = network_->arc(a);
      if (arc.residual == 0 || level_[index(arc.head)] >= 0 || source.terminal[index(arc.head)] != 0) continue;
      level_[index(arc.head)] = level_[index(v)] + 1;
      current_[index(arc.head)] = network_->first_arc(arc.head);
      queue_.push_back(arc.head);
      if (reach_[kSinkSide].terminal[index(arc.head)] != 0) last = level_[index(arc.head)];
    }
  }
  return last != std::numeric_limits<std::int32_t>::max();
}

// Sends along the path what it can take, and shortens it to where the first arc is full now.
Weight FlowCutter::augment() {
  Weight amount = std::numeric_limits<Weight>::max();
  for (const std::int32_t a : path_) amount = std::min(amount, network_->arc(a).residual);
  std::size_t keep = path_.size();
  for (std::size_t i = path_.size(); i-- > 0;) {
    network_->push(path_[i], amount);
    if (network_->arc(path_[i]).residual == 0) keep = i;
  }
  path_.resize(keep);
  return amount;
}

// A blocking flow over the layers, by depth-first search.
Weight FlowCutter::block_flow() {
  const Reach& source = reach_[kSourceSide];
  const Reach& sink = reach_[kSinkSide];
  Weight sent = 0;
  for (std::size_t t = source.scan_from; t < source.terminals; ++t) {
    const FlowNode root = source.nodes[t];
    FlowNode v = root;
    path_.clear();
    while (true) {
      if (sink.terminal[index(v)] != 0) {
        sent += augment();
        v = path_.empty() ? root : network_->arc(path_.back()).head;
        continue;
      }
      std::int32_t& a = current_[index(v)];
      const std::int32_t end = network_->last_arc(v);
      while (a < end &&
             (network_->arc(a).residual == 0 || level_[index(network_->arc(a).head)] != level_[index(v)] + 1)) {
        ++a;
      }
      if (a < end) {
        path_.push_back(a);
        v = network_->arc(a).head;
      } else if (v == root) {
        break;
      } else {
        level_[index(v)] = -2;  // a dead end in this phase; layer() clears it
        const std::int32_t in = path_.back();
        path_.pop_back();
        v = network_->arc(network_->arc(in).reverse).head;
      }
    }
  }
  return sent;
}

// False if the flow exceeds the bound, or the budget is spent.
bool FlowCutter::maximise_flow(Weight bound, std::int64_t& budget) {
  while (layer(budget)) {
    flow_ += block_flow();
    if (flow_ > bound || budget < 0) return false;
  }
  return true;
}

// Whether the cut around what `side` reaches keeps the limits of both sides.
bool FlowCutter::feasible(Side side) const {
  const std::size_t other = 1 - static_cast<std::size_t>(side);
  for (std::size_t c = 0; c < total_.size(); ++c) {
    if (reach_[side].weights[c] > nodes_->max_weights[side][c]) return false;
    if (total_[c] - reach_[side].weights[c] > nodes_->max_weights[other][c]) return false;
  }
  return true;
}

double FlowCutter::fullness(Side side) const {
  double fullest = 0;
  for (std::size_t c = 0; c < total_.size(); ++c) {
    const auto limit = static_cast<double>(std::max<Weight>(1, nodes_->max_weights[side][c]));
    fullest = std::max(fullest, static_cast<double>(reach_[side].weights[c]) / limit);
  }
  return fullest;
}

// Where `side` grows: rather a node that does not force the cut up, rather one far inside its present block.
FlowNode FlowCutter::piercing_node(Side side) {
  Reach& reach = reach_[side];
  const Reach& other = reach_[1 - static_cast<std::size_t>(side)];
  std::size_t kept = 0;
  FlowNode best = kNone<FlowNode>;
  std::pair<bool, std::int32_t> best_score{};
  for (const FlowNode v : reach.border) {
    if (reach.reached[index(v)] != 0 || other.terminal[index(v)] != 0) continue;
    reach.border[kept++] = v;
    const std::int32_t distance = nodes_->distance[index(v)];
    const std::pair score{other.reached[index(v)] == 0, side == kSourceSide ? distance : -distance};
    if (best != kNone<FlowNode> && score <= best_score) continue;
    best = v;
    best_score = score;
  }
  reach.border.resize(kept);
  return best;
}

const FlowCut& FlowCutter::report(Side side) {
  cut_.found = true;
  cut_.value = flow_;
  cut_.on_sink_side.assign(network_->nodes(), side == kSourceSide ? 1 : 0);
  for (const FlowNode v : reach_[side].nodes) cut_.on_sink_side[index(v)] = side == kSourceSide ? 0 : 1;
  return cut_;
}

// The weight that `side` still has to win before the other side can keep its limits.
Weight FlowCutter::missing_weight(Side side) const {
  Weight missing = 0;
  for (std::size_t c = 0; c < total_.size(); ++c) {
    missing = std::max(
        missing, total_[c] - reach_[side].weights[c] - nodes_->max_weights[1 - static_cast<std::size_t>(side)][c]);
  }
  return missing;
}

// Makes all that `side` reaches its own.
void FlowCutter::settle(Side side) {
  Reach& reach = reach_[side];
  for (std::size_t i = reach.terminals; i < reach.nodes.size(); ++i) reach.terminal[index(reach.nodes[i])] = 1;
  reach.terminals = reach.nodes.size();
}

// Grows `side` by one node, or, once it has become clear that it takes many, by several at a time (bulk piercing:
// Gottesbüren, Heuer, Sanders, "Parallel flow-based hypergraph partitioning", SEA 2022). Returns whether there is
// more flow to send then. Leaves `pierced_` empty if no node is left.
bool FlowCutter::pierce(Side side) {
  constexpr int kSingly = 3;
  constexpr Weight kRounds = 10;
  pierced_.clear();
  const Reach& other = reach_[1 - static_cast<std::size_t>(side)];
  const FlowNode first = piercing_node(side);
  if (first == kNone<FlowNode>) return false;
  pierced_.push_back(first);
  const bool augment = other.reached[index(first)] != 0;
  if (augment && ++reach_[side].pierced > kSingly) {
    Weight wanted = missing_weight(side) / kRounds;
    reach_[side].reached[index(first)] = 1;  // not to be drawn again
    for (FlowNode v = first;; pierced_.push_back(v)) {
      wanted -= heaviest_weight(*nodes_, v);
      if (wanted <= 0) break;
      v = piercing_node(side);
      if (v == kNone<FlowNode>) break;
      reach_[side].reached[index(v)] = 1;
    }
  }
  settle(side);
  add_terminals(side, pierced_);
  return augment;
}

const FlowCut& FlowCutter::cut(FlowNetwork& network, const FlowNodes& nodes, Weight bound, std::int64_t& budget) {
  network_ = &network;
  nodes_ = &nodes;
  cut_.found = false;
  queue_.clear();
  start(network.nodes());
  bool augment = true;
  while (true) {
    if (augment) {
      if (!maximise_flow(bound, budget)) return cut_;
      extend(kSourceSide);
      extend(kSinkSide);
    }
    for (const Side side : {kSourceSide, kSinkSide}) {
      if (feasible(side)) return report(side);
    }
    const Side side = fullness(kSourceSide) <= fullness(kSinkSide) ? kSourceSide : kSinkSide;
    augment = pierce(side);
    if (pierced_.empty()) return cut_;
    if (!augment) extend(side);
  }
}

}  // namespace mp::partition
