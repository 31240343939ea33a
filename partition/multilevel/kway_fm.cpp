// Multi-try k-way FM: Sanders, Schulz, "Engineering multilevel graph partitioning algorithms", ESA 2011. Searches
// start from a few boundary vertices each, spread over the neighbours of what they move, and are rolled back to
// their best point. They end by the random-walk rule of Osipov, Sanders, "n-level graph partitioning", ESA 2010.
// Deviation: a search may pass through slightly overloaded states, but keeps only a point at which the
// overload is no larger than at its start.
#include "partition/multilevel/kway_fm.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

// Whether further moves are still likely to lead below the best cut seen: gains are taken for a random walk with
// the mean and variance observed since then.
class StoppingRule {
 public:
  StoppingRule(double patience, std::size_t vertices)
      : patience_(patience), minimum_(std::log2(static_cast<double>(vertices) + 2)) {}
  void restart() { steps_ = mean_ = squares_ = 0; }
  void step(Weight gain) {
    steps_ += 1;
    const double delta = static_cast<double>(gain) - mean_;
    mean_ += delta / steps_;
    squares_ += delta * (static_cast<double>(gain) - mean_);
  }
  [[nodiscard]] bool stop() const {
    if (steps_ < minimum_ || steps_ < 2) return false;
    if (mean_ > 0) return false;
    return mean_ == 0 ? steps_ > 4 * minimum_ + 20
                      : steps_ * mean_ * mean_ > patience_ * squares_ / (steps_ - 1) + 1e-9;
  }

 private:
  double patience_;
  double minimum_;
  double steps_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

class KwayFm {
 public:
  KwayFm(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
         const KwayFmOptions& options, RandomSource& random, KwayFmScratch& scratch)
      : state_(state), table_(table), fixed_(fixed), options_(options), random_(random), s_(scratch), current_(start) {
    const auto n = static_cast<std::size_t>(state.graph().vertices());
    s_.heap.reset(n);
    if (s_.target.size() < n) s_.target.resize(n);
  }

  KwayFmResult run() {
    for (int round = 0; round < options_.max_rounds; ++round) {
      const Quality before = current_;
      run_round();
      const double threshold = options_.min_improvement * static_cast<double>(before.cut);
      const bool enough = static_cast<double>(before.cut - current_.cut) > threshold;
      if (!(current_ < before) || (current_.overload == before.overload && !enough)) break;
    }
    MP_CHECK_HEAVY(state_.consistent() && table_.consistent());
    MP_CHECK_HEAVY(current_ == state_.count_quality());
    return {current_, kept_};
  }

 private:
  struct Move {
    VertexId vertex;
    BlockId from;
  };

  void run_round() {
    const std::span<const VertexId> boundary = table_.boundary();
    std::vector<VertexId> seeds(boundary.begin(), boundary.end());
    if (seeds.empty() && state_.overload() == 0) return;
    if (state_.overload() > 0) add_overloaded(seeds);
    random_.shuffle(std::span(seeds));
    s_.moved.assign(static_cast<std::size_t>(state_.graph().vertices()), 0);
    std::size_t next = 0;
    while (next < seeds.size()) {
      for (int started = 0; next < seeds.size() && started < options_.seeds_per_search; ++next) {
        if (s_.moved[seeds[next]] != 0 || !movable(seeds[next])) continue;
        consider(seeds[next]);
        if (s_.heap.contains(seeds[next])) ++started;
      }
      if (!s_.heap.empty()) search();
    }
  }

  void add_overloaded(std::vector<VertexId>& seeds) const {
    for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(state_.graph().vertices()))) {
      if (state_.overloaded(state_.block(v))) seeds.push_back(v);
    }
  }

  bool movable(VertexId v) const { return fixed_.empty() || fixed_[index(v)] < 0; }

  // The best block for v to move to; kNone if there is none that may take it.
  std::pair<BlockId, Weight> best_move(VertexId v) {
    const BlockId own = state_.block(v);
    BlockId best = kNone<BlockId>;
    Weight best_weight = -1;
    Weight own_weight = 0;
    for (const GainTable::Entry& entry : table_.row(v)) {
      if (entry.block == own) {
        own_weight = entry.weight;
        continue;
      }
      if (entry.weight < best_weight || !allowed(v, entry.block)) continue;
      if (entry.weight == best_weight && state_.load(entry.block) >= state_.load(best)) continue;
      best = entry.block;
      best_weight = entry.weight;
    }
    if (best == kNone<BlockId> && state_.overload() > 0 && state_.overloaded(own)) {
      best = emptiest_block(v);
      best_weight = best == kNone<BlockId> ? 0 : table_.connection(v, best);
    }
    return {best, best_weight - own_weight};
  }

  bool allowed(VertexId v, BlockId to) const {
    return state_.fits(v, to, options_.slack) || (state_.overload() > 0 && state_.overload_change(v, to) < 0);
  }

  // For vertices of overloaded blocks whose neighbouring blocks are full.
  BlockId emptiest_block(VertexId v) const {
    BlockId best = kNone<BlockId>;
    for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(state_.blocks()))) {
      if (b == state_.block(v) || state_.overload_change(v, b) >= 0) continue;
      if (best == kNone<BlockId> || state_.load(b) < state_.load(best)) best = b;
    }
    return best;
  }

  void consider(VertexId v) {
    const auto [to, gain] = best_move(v);
    if (to == kNone<BlockId>) {
      if (s_.heap.contains(v)) s_.heap.remove(v);
      return;
    }
    s_.target[v] = to;
    s_.heap.set(v, gain);
  }

  // One localised search from what is in the heap.
  void search() {
    StoppingRule rule(options_.patience, s_.moved.size());
    moves_.clear();
    Quality best = current_;
    std::size_t kept = 0;
    while (!s_.heap.empty() && !rule.stop()) {
      const VertexId v = s_.heap.top();
      const Weight promised = s_.heap.top_key();
      consider(v);  // the target may have filled up since
      if (!s_.heap.contains(v) || s_.heap.key(v) < promised) continue;
      const Weight gain = s_.heap.key(v);
      rule.step(gain);
      apply(v, gain);
      if (current_ < best) {
        best = current_;
        kept = moves_.size();
        rule.restart();
      }
    }
    roll_back_to(kept);
    current_ = best;
    kept_ += static_cast<std::int64_t>(kept);
    s_.heap.clear();
  }

  void apply(VertexId v, Weight gain) {
    s_.heap.remove(v);
    moves_.push_back({v, state_.block(v)});
    s_.moved[v] = 1;
    table_.move(v, s_.target[v]);
    current_ = {state_.overload(), current_.cut - gain};
    for (const VertexId u : state_.graph().neighbours_of(v)) {
      if (s_.moved[u] == 0 && movable(u)) consider(u);
    }
  }

  void roll_back_to(std::size_t kept) {
    while (moves_.size() > kept) {
      table_.move(moves_.back().vertex, moves_.back().from);
      moves_.pop_back();
    }
  }

  PartitionState& state_;
  GainTable& table_;
  std::span<const std::int32_t> fixed_;
  const KwayFmOptions& options_;
  RandomSource& random_;
  KwayFmScratch& s_;
  Quality current_;
  std::int64_t kept_ = 0;
  std::vector<Move> moves_;
};

}  // namespace

KwayFmResult kway_fm(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                     const KwayFmOptions& options, RandomSource& random, KwayFmScratch& scratch) {
  return KwayFm(state, table, start, fixed, options, random, scratch).run();
}

}  // namespace mp::partition
