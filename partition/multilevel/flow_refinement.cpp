// Sanders, Schulz, "Engineering multilevel graph partitioning algorithms", ESA 2011: max-flow min-cut between
// all pairs of the quotient graph, with active-block scheduling (a pair is tried again only if one of its blocks
// changed). The cuts come from FlowCutter.
#include "partition/multilevel/flow_refinement.hpp"

#include <algorithm>
#include <compare>
#include <map>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

struct Pair {
  BlockId a;
  BlockId b;
  friend auto operator<=>(const Pair&, const Pair&) = default;
};

class FlowRefiner {
 public:
  FlowRefiner(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
              const FlowOptions& options, RandomSource& random, FlowScratch& scratch)
      : state_(state),
        table_(table),
        fixed_(fixed),
        options_(options),
        random_(random),
        s_(scratch),
        quality_(start),
        budget_(static_cast<std::int64_t>(options.effort * static_cast<double>(state.graph().neighbours.size()))),
        active_(static_cast<std::size_t>(state.blocks()), 1),
        borders_(static_cast<std::size_t>(state.blocks())) {}

  Quality run() {
    for (int round = 0; round < options_.max_rounds; ++round) {
      std::vector<Pair> pairs = neighbouring_pairs();
      IdVector<BlockId, std::uint8_t> active(active_.size(), 0);
      std::swap(active, active_);
      for (const Pair& pair : pairs) {
        if (budget_ < 0) return quality_;
        if (active[pair.a] == 0 && active[pair.b] == 0) continue;
        if (!refine(pair.a, pair.b)) continue;
        active_[pair.a] = active_[pair.b] = 1;
      }
      if (std::ranges::none_of(active_, [](std::uint8_t changed) { return changed != 0; })) break;
    }
    MP_CHECK_HEAVY(quality_ == state_.count_quality());
    return quality_;
  }

 private:
  // The edges of the quotient graph, in random order; fills borders_.
  std::vector<Pair> neighbouring_pairs() {
    for (std::vector<VertexId>& border : borders_) border.clear();
    std::vector<Pair> pairs;
    for (const VertexId v : table_.boundary()) {
      const BlockId own = state_.block(v);
      borders_[own].push_back(v);
      for (const GainTable::Entry& entry : table_.row(v)) {
        if (own < entry.block) pairs.push_back({own, entry.block});
      }
    }
    std::ranges::sort(pairs);
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    random_.shuffle(std::span(pairs));
    return pairs;
  }

  bool refine(BlockId a, BlockId b) {
    border_.assign(borders_[a].begin(), borders_[a].end());
    border_.insert(border_.end(), borders_[b].begin(), borders_[b].end());
    if (!s_.region.collect(state_, table_, a, b, border_, fixed_, options_.region)) return false;
    std::uint64_t& tried = tried_[{a, b}];
    const std::uint64_t region = s_.region.fingerprint(state_);
    if (tried == region) return false;  // nothing came of it the last time
    tried = region;
    if (!s_.region.build(state_, a, b)) return false;
    const Weight present = s_.region.present_cut();
    // In balance only a smaller cut is worth anything; out of balance also an equal one.
    const bool overloaded = state_.overloaded(a) || state_.overloaded(b);
    const FlowCut& cut =
        s_.cutter.cut(s_.region.network(), s_.region.nodes(), overloaded ? present : present - 1, budget_);
    if (!cut.found) return false;
    apply(cut, a, b);
    quality_ = {state_.overload(), quality_.cut - present + cut.value};
    return true;
  }

  void apply(const FlowCut& cut, BlockId a, BlockId b) {
    const std::span<const VertexId> vertices = s_.region.vertices();
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      const VertexId v = vertices[i];
      const BlockId to = cut.on_sink_side[i + 2] != 0 ? b : a;
      if (state_.block(v) == to) continue;
      table_.move(v, to);
      borders_[to].push_back(v);
      for (const VertexId u : state_.graph().neighbours_of(v)) borders_[state_.block(u)].push_back(u);
    }
  }

  PartitionState& state_;
  GainTable& table_;
  std::span<const std::int32_t> fixed_;
  const FlowOptions& options_;
  RandomSource& random_;
  FlowScratch& s_;
  Quality quality_;
  std::int64_t budget_;
  IdVector<BlockId, std::uint8_t> active_;
  IdVector<BlockId, std::vector<VertexId>> borders_;  // may hold vertices that have left the block or its border
  std::map<Pair, std::uint64_t> tried_;               // the region of a pair when it was last tried
  std::vector<VertexId> border_;
};

}  // namespace

Quality refine_by_flow(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                       const FlowOptions& options, RandomSource& random, FlowScratch& scratch) {
  if (start.cut == 0) return start;
  return FlowRefiner(state, table, start, fixed, options, random, scratch).run();
}

}  // namespace mp::partition
