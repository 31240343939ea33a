// Greedy rebalancing by relative gain: Maas, Gottesbüren, Seemaier, "Parallel unconstrained local search for
// partitioning irregular graphs", ALENEX 2024. The move that loses least cut for each unit of overload goes first.
#include "partition/multilevel/rebalancer.hpp"

#include <algorithm>

namespace mp::partition {
namespace {

class Reliever {
 public:
  Reliever(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
           VertexHeap& heap)
      : state_(state), table_(table), fixed_(fixed), heap_(heap), quality_(start) {}

  Quality run() {
    heap_.reset(static_cast<std::size_t>(state_.graph().vertices()));
    for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(state_.graph().vertices()))) consider(v);
    while (state_.overload() > 0 && !heap_.empty()) {
      const VertexId v = heap_.top();
      const Weight promised = heap_.top_key();
      consider(v);  // targets fill up
      if (!heap_.contains(v) || heap_.key(v) < promised) continue;
      heap_.remove(v);
      move(v);
    }
    heap_.clear();
    return quality_;
  }

 private:
  struct Option {
    BlockId to = kNone<BlockId>;
    Weight gain = 0;
    double worth = 0;
  };

  void consider(VertexId v) {
    const bool waits = state_.overloaded(state_.block(v)) && (fixed_.empty() || fixed_[index(v)] < 0);
    const Option best = waits ? best_option(v) : Option{};
    if (best.to != kNone<BlockId>) {
      heap_.set(v, static_cast<Weight>(std::clamp(best.worth * 1024.0, -4e18, 4e18)));
    } else if (heap_.contains(v)) {
      heap_.remove(v);
    }
  }

  Option best_option(VertexId v) {
    const BlockId own = state_.block(v);
    const Weight inside = table_.connection(v, own);
    Option best;
    const auto weigh = [&](BlockId to, Weight connection) {
      const auto relief = static_cast<double>(-state_.overload_change(v, to));
      if (to == own || relief <= 0) return;
      const Weight gain = connection - inside;
      const double worth = gain > 0 ? static_cast<double>(gain) * relief : static_cast<double>(gain) / relief;
      if (best.to == kNone<BlockId> || worth > best.worth) best = {to, gain, worth};
    };
    for (const GainTable::Entry& entry : table_.row(v)) weigh(entry.block, entry.weight);
    if (best.to == kNone<BlockId>) {
      for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(state_.blocks()))) weigh(b, 0);
    }
    return best;
  }

  void move(VertexId v) {
    const Option best = best_option(v);
    table_.move(v, best.to);
    quality_ = {state_.overload(), quality_.cut - best.gain};
    for (const VertexId u : state_.graph().neighbours_of(v)) {
      if (heap_.contains(u)) consider(u);
    }
  }

  PartitionState& state_;
  GainTable& table_;
  std::span<const std::int32_t> fixed_;
  VertexHeap& heap_;
  Quality quality_;
};

}  // namespace

Quality relieve(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                VertexHeap& heap) {
  return Reliever(state, table, start, fixed, heap).run();
}

}  // namespace mp::partition
