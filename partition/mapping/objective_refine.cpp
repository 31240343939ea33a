#include "partition/mapping/objective_refine.hpp"

#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/gain_heaps.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kMostPasses = 12;
constexpr std::int64_t kPatience = 200;

class Passes {
 public:
  Passes(TrackedPartition& partition, Objective& objective, std::span<const BlockId> fixed)
      : partition_(partition),
        objective_(objective),
        fixed_(fixed),
        heap_(partition.graph().vertices(), 1),
        locked_(static_cast<std::size_t>(partition.graph().vertices()), 0) {}

  // Returns the moves kept.
  std::int64_t pass(std::uint32_t salt) {
    begin(salt);
    std::pair best{partition_.violation(), objective_.value()};
    std::size_t kept = 0;
    while (static_cast<std::int64_t>(moves_.size() - kept) < kPatience && step()) {
      const std::pair now{partition_.violation(), objective_.value()};
      if (!(now < best)) continue;
      best = now;
      kept = moves_.size();
    }
    for (; moves_.size() > kept; moves_.pop_back()) apply(moves_.back().vertex, moves_.back().from);
    return static_cast<std::int64_t>(kept);
  }

 private:
  struct Moved {
    VertexId vertex;
    BlockId from;
  };
  struct Target {
    BlockId block = kNone<BlockId>;
    Weight gain = 0;
  };

  void begin(std::uint32_t salt) {
    heap_.clear(salt);
    moves_.clear();
    for (const VertexId v : ids<VertexId>(locked_.size())) {
      locked_[v] = !fixed_.empty() && fixed_[index(v)] != kNone<BlockId> ? 1 : 0;
      queue(v);
    }
  }

  // The best block among those that v fits in, or whose taking v lowers the violation.
  [[nodiscard]] Target best_target(VertexId v) const {
    Target best;
    const BlockId own = partition_.block_of(v);
    if (partition_.size_of(own) == 1 && partition_.graph().vertices() >= partition_.blocks()) return best;
    for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(partition_.blocks()))) {
      if (b == own || (!partition_.fits(v, b) && !(partition_.violation_change(v, b) < 0.0))) continue;
      const Weight gain = objective_.gain(v, b);
      if (best.block == kNone<BlockId> || gain > best.gain) best = {.block = b, .gain = gain};
    }
    return best;
  }

  void queue(VertexId v) {
    if (locked_[v] != 0) return;
    const Target target = best_target(v);
    if (target.block != kNone<BlockId>)
      heap_.set(v, BlockId{0}, target.gain);
    else if (heap_.contains(v))
      heap_.remove(v);
  }

  bool step() {
    while (!heap_.of(BlockId{0}).empty()) {
      const GainHeaps::Item top = heap_.of(BlockId{0}).front();
      const Target target = best_target(top.vertex);
      if (target.block == kNone<BlockId>) {
        heap_.remove(top.vertex);
      } else if (target.gain < top.gain) {
        heap_.set(top.vertex, BlockId{0}, target.gain);
      } else {
        heap_.remove(top.vertex);
        locked_[top.vertex] = 1;
        moves_.push_back({.vertex = top.vertex, .from = partition_.block_of(top.vertex)});
        apply(top.vertex, target.block);
        objective_.for_each_affected(top.vertex, [&](VertexId u) { queue(u); });
        return true;
      }
    }
    return false;
  }

  void apply(VertexId v, BlockId to) {
    objective_.move(v, to);
    partition_.move(v, to);
  }

  TrackedPartition& partition_;
  Objective& objective_;
  std::span<const BlockId> fixed_;
  GainHeaps heap_;
  IdVector<VertexId, char> locked_;
  std::vector<Moved> moves_;
};

}  // namespace

ObjectiveRefinement refine_objective(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                                     Objective& objective, const ObjectiveRefineOptions& options) {
  TrackedPartition partition(graph, limits, std::move(assignment));
  ObjectiveRefinement result{.assignment = {}, .value_before = objective.value()};
  Passes passes(partition, objective, options.fixed);
  RandomSource random(options.seed);
  for (std::int32_t pass = 0; pass < kMostPasses; ++pass) {
    const std::int64_t kept = passes.pass(static_cast<std::uint32_t>(random.next()));
    result.moves_kept += kept;
    if (kept == 0) break;
  }
  result.value_after = objective.value();
  result.assignment = std::move(partition).take();
  return result;
}

}  // namespace mp::partition
