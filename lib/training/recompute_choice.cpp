#include "lib/training/recompute_choice.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr std::array kPatterns = {RecomputePattern::kNone, RecomputePattern::kBlocks, RecomputePattern::kAll};

// The forward nodes of one device in their order, with what lies between them.
struct Stretch {
  std::vector<NodeId> nodes;
  std::vector<std::int64_t> made_bytes;      // by position
  std::vector<std::int64_t> crossing_bytes;  // made at or before a position and read here after it
  std::vector<std::int32_t> last_read;       // of what a position makes: the last position here that reads it
};

bool is_view(const TrainingGraph& training, NodeId n) { return training.graph.node(n).op->is_view; }

// Readers of a node's outputs on its device; what reads a view reads what is viewed.
void visit_readers(const TrainingGraph& training, NodeId n, const auto& visit) {
  for (const TensorId t : training.graph.node(n).outputs) {
    if (t == kNone<TensorId>) continue;
    for (const NodeId reader : training.graph.consumers(t)) {
      if (training.phase[reader] != Phase::kForward) continue;
      visit(reader);
      if (is_view(training, reader)) visit_readers(training, reader, visit);
    }
  }
}

Stretch stretch_of(const TrainingGraph& training, const Placement& placement, DeviceId device) {
  Stretch stretch;
  IdVector<NodeId, std::int32_t> position(placement.size(), -1);
  for (const NodeId n : ids<NodeId>(placement.size())) {
    if (placement[n] != device || is_view(training, n)) continue;
    position[n] = static_cast<std::int32_t>(stretch.nodes.size());
    stretch.nodes.push_back(n);
  }
  stretch.crossing_bytes.assign(stretch.nodes.size(), 0);
  for (std::size_t i = 0; i < stretch.nodes.size(); ++i) {
    std::int64_t made = 0;
    for (const TensorId t : training.graph.node(stretch.nodes[i]).outputs) {
      if (t != kNone<TensorId>) made += bytes(training.graph.tensor(t).type);
    }
    auto last = static_cast<std::int32_t>(i);
    visit_readers(training, stretch.nodes[i], [&](NodeId reader) { last = std::max(last, position[reader]); });
    stretch.made_bytes.push_back(made);
    stretch.last_read.push_back(last);
    stretch.crossing_bytes[i] += made;
    stretch.crossing_bytes[static_cast<std::size_t>(last)] -= made;
  }
  std::partial_sum(stretch.crossing_bytes.begin(), stretch.crossing_bytes.end(), stretch.crossing_bytes.begin());
  return stretch;
}

struct Cuts {
  std::vector<std::int32_t> after;  // positions, ascending
  std::int64_t bytes = std::numeric_limits<std::int64_t>::max();
};

// `blocks` blocks of about equal bytes, each cut moved to the narrowest place of its half of the way to its neighbours.
Cuts cuts_into(const Stretch& stretch, std::int64_t blocks) {
  std::int64_t all = 0;
  for (const std::int64_t made : stretch.made_bytes) all += made;
  Cuts cuts{.after = {}, .bytes = 0};
  std::int64_t below = 0;
  std::int64_t cut = 1;
  std::int32_t narrowest = -1;
  for (std::size_t p = 0; p + 1 < stretch.nodes.size() && cut < blocks; ++p) {
    below += stretch.made_bytes[p];
    if (2 * below * blocks < (2 * cut - 1) * all) continue;
    if (narrowest < 0 || stretch.crossing_bytes[p] < stretch.crossing_bytes[static_cast<std::size_t>(narrowest)]) {
      narrowest = static_cast<std::int32_t>(p);
    }
    if (2 * below * blocks < (2 * cut + 1) * all) continue;
    cuts.after.push_back(narrowest);
    narrowest = -1;
    ++cut;
  }
  if (narrowest >= 0 && cut < blocks) cuts.after.push_back(narrowest);
  std::int64_t largest = 0;
  std::size_t from = 0;
  for (std::size_t c = 0; c <= cuts.after.size(); ++c) {
    const std::size_t to = c < cuts.after.size() ? static_cast<std::size_t>(cuts.after[c]) + 1 : stretch.nodes.size();
    std::int64_t block = 0;
    for (std::size_t p = from; p < to; ++p) block += stretch.made_bytes[p];
    largest = std::max(largest, block);
    if (c < cuts.after.size()) cuts.bytes += stretch.crossing_bytes[to - 1];
    from = to;
  }
  cuts.bytes += largest;
  return cuts;
}

Cuts best_cuts(const Stretch& stretch) {
  constexpr std::int64_t kMostBlocks = 64;
  Cuts best;
  const auto most = std::min<std::int64_t>(kMostBlocks, static_cast<std::int64_t>(stretch.nodes.size()));
  for (std::int64_t blocks = 1; blocks <= most; ++blocks) {
    Cuts cuts = cuts_into(stretch, blocks);
    if (cuts.bytes < best.bytes) best = std::move(cuts);
  }
  return best;
}

void add_blocks(const Stretch& stretch, std::vector<NodeId>& nodes) {
  const Cuts cuts = best_cuts(stretch);
  for (std::size_t p = 0; p < stretch.nodes.size(); ++p) {
    const auto next = std::lower_bound(cuts.after.begin(), cuts.after.end(), static_cast<std::int32_t>(p));
    const bool crosses = next != cuts.after.end() && stretch.last_read[p] > *next;
    if (!crosses) nodes.push_back(stretch.nodes[p]);
  }
}

// Bytes that a node makes, and those it receives from other devices which nothing in the backward pass reads: they
// would be kept for running it again alone. So are the parts of a sum under tensor parallelism.
bool would_keep_as_much(const TrainingGraph& training, const Placement& placement, NodeId n) {
  const Graph& graph = training.graph;
  std::int64_t kept = 0;
  for (const TensorId t : graph.node(n).inputs) {
    const NodeId producer = t == kNone<TensorId> ? kNone<NodeId> : graph.tensor(t).producer;
    if (producer == kNone<NodeId> || placement[producer] == placement[n]) continue;
    const std::span<const NodeId> readers = graph.consumers(t);
    const bool kept_anyway = std::any_of(readers.begin(), readers.end(),
                                         [&](NodeId reader) { return training.phase[reader] == Phase::kBackward; });
    if (!kept_anyway) kept += bytes(graph.tensor(t).type);
  }
  std::int64_t made = 0;
  for (const TensorId t : graph.node(n).outputs) {
    if (t != kNone<TensorId>) made += bytes(graph.tensor(t).type);
  }
  return kept > 0 && kept >= made;
}

}  // namespace

std::string_view name_of(RecomputePattern pattern) {
  switch (pattern) {
    case RecomputePattern::kNone:
      return "none";
    case RecomputePattern::kBlocks:
      return "blocks";
    case RecomputePattern::kAll:
      return "all";
  }
  return "";
}

std::optional<RecomputePattern> find_recompute_pattern(std::string_view name) {
  for (const RecomputePattern pattern : kPatterns) {
    if (name_of(pattern) == name) return pattern;
  }
  return std::nullopt;
}

std::vector<NodeId> nodes_to_recompute(const TrainingGraph& training, const Placement& placement,
                                       RecomputePattern pattern) {
  std::vector<NodeId> nodes;
  if (pattern == RecomputePattern::kNone) return nodes;
  DeviceId last{0};
  for (const DeviceId d : placement) last = std::max(last, d);
  for (const DeviceId d : ids<DeviceId>(index(last) + 1)) {
    const Stretch stretch = stretch_of(training, placement, d);
    if (pattern == RecomputePattern::kAll) {
      nodes.insert(nodes.end(), stretch.nodes.begin(), stretch.nodes.end());
    } else {
      add_blocks(stretch, nodes);
    }
  }
  std::erase_if(nodes, [&](NodeId n) { return would_keep_as_much(training, placement, n); });
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace mp
