// D. S. Johnson, C. R. Aragon, L. A. McGeoch, C. Schevon, Optimization by simulated annealing: an experimental
// evaluation; part I, graph partitioning, Operations Research 37, 1989. We walk over k blocks instead of two, start
// warm from a good partition, and price imbalance adaptively (strategic oscillation: F. Glover, 1977).
#include "partition/annealing/annealing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/graph/tracked_partition.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kEpochs = 400;      // temperatures
constexpr double kWarmStart = 0.5;         // first temperature, in mean changes of the cut by a random move
constexpr double kCold = 0.002;            // last temperature, likewise
constexpr double kPriceChange = 1.06;      // of imbalance, per epoch
constexpr std::size_t kThresholds = 1024;  // quantised −log u

struct Worth {
  double violation = 0.0;
  std::int32_t empty_blocks = 0;
  Weight cut = 0;
  friend auto operator<=>(const Worth&, const Worth&) = default;
};

class Annealing {
 public:
  Annealing(const WeightedGraph& graph, const BalanceLimits& limits, Assignment start, const AnnealingOptions& options)
      : graph_(graph), partition_(graph, limits, std::move(start)), options_(options), random_(options.seed) {
    for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
      if (options.fixed.empty() || options.fixed[index(v)] == kNone<BlockId>) free_.push_back(v);
    }
    for (std::size_t i = 0; i < kThresholds; ++i) {
      thresholds_[i] = -std::log((static_cast<double>(i) + 0.5) / static_cast<double>(kThresholds));
    }
    best_ = worth();
    best_assignment_ = partition_.assignment();
  }

  AnnealingResult run() {
    AnnealingResult result{.assignment = {}, .cut_before = partition_.cut(), .cut_after = 0, .moves_made = 0};
    const double scale = free_.empty() || partition_.blocks() < 2 ? 0.0 : mean_change();
    if (scale > 0.0) {
      const double cooling = std::pow(kCold / kWarmStart, 1.0 / static_cast<double>(kEpochs));
      double temperature = kWarmStart * scale;
      price_ = 20.0 * scale * static_cast<double>(partition_.blocks());
      for (std::int64_t epoch = 0; epoch < kEpochs && !options_.deadline.passed(); ++epoch, temperature *= cooling) {
        result.moves_made += walk(temperature, options_.moves / kEpochs + 1);
        price_ *= partition_.feasible() ? 1.0 / kPriceChange : kPriceChange;
      }
    }
    result.cut_after = best_.cut;
    result.assignment = std::move(best_assignment_);
    return result;
  }

 private:
  [[nodiscard]] Worth worth() const {
    return {.violation = partition_.violation(), .empty_blocks = empty_, .cut = partition_.cut()};
  }

  BlockId target(VertexId v) {
    const auto neighbours = graph_.neighbours_of(v);
    constexpr std::uint64_t kAnywhereEvery = 10;
    if (neighbours.empty() || random_.below(kAnywhereEvery) == 0) {
      return make_id<BlockId>(random_.below(static_cast<std::uint64_t>(partition_.blocks())));
    }
    return partition_.block_of(neighbours[random_.below(neighbours.size())]);
  }

  // Of the cut, by moves as the walk will try them.
  double mean_change() {
    double sum = 0.0;
    double count = 0.0;
    for (std::size_t i = 0; i < 8 * free_.size(); ++i) {
      const VertexId v = free_[i % free_.size()];
      const BlockId to = target(v);
      if (to == partition_.block_of(v)) continue;
      sum += std::abs(static_cast<double>(partition_.gain(v, to)));
      count += 1.0;
    }
    return count > 0.0 ? sum / count : 0.0;
  }

  [[nodiscard]] bool accepts(double worse, double temperature) {
    return worse <= 0.0 || worse < temperature * thresholds_[random_.below(kThresholds)];
  }

  void move(VertexId v, BlockId to, Weight gain) {
    if (partition_.size_of(to) == 0) --empty_;
    if (partition_.size_of(partition_.block_of(v)) == 1) ++empty_;
    partition_.move(v, to, gain);
  }

  bool try_move(VertexId v, BlockId to, double temperature) {
    if (partition_.size_of(partition_.block_of(v)) == 1) return false;  // blocks are not emptied
    const Weight gain = partition_.gain(v, to);
    if (!accepts(price_ * partition_.violation_change(v, to) - static_cast<double>(gain), temperature)) return false;
    move(v, to, gain);
    return true;
  }

  // v and some vertex of `to` change places: what tight balance leaves possible.
  bool try_swap(VertexId v, BlockId to, double temperature) {
    const BlockId from = partition_.block_of(v);
    const VertexId u = free_[random_.below(free_.size())];
    if (partition_.block_of(u) != to) return false;
    const double before = price_ * partition_.violation();
    const Weight first = partition_.gain(v, to);
    move(v, to, first);
    const Weight second = partition_.gain(u, from);
    move(u, from, second);
    const double worse = price_ * partition_.violation() - before - static_cast<double>(first + second);
    if (accepts(worse, temperature)) return true;
    move(u, to, -second);
    move(v, from, -first);
    return false;
  }

  std::int64_t walk(double temperature, std::int64_t moves) {
    constexpr std::uint64_t kSwapEvery = 3;
    std::int64_t made = 0;
    for (std::int64_t i = 0; i < moves; ++i) {
      const VertexId v = free_[random_.below(free_.size())];
      const BlockId to = target(v);
      if (to == partition_.block_of(v)) continue;
      const bool done = random_.below(kSwapEvery) == 0 ? try_swap(v, to, temperature) : try_move(v, to, temperature);
      if (!done) continue;
      ++made;
      remember_if_best();
    }
    return made;
  }

  void remember_if_best() {
    if (partition_.cut() >= best_.cut && best_.violation == 0.0 && best_.empty_blocks <= empty_) return;
    const Worth now = worth();
    if (now < best_) {
      best_ = now;
      best_assignment_ = partition_.assignment();
    }
  }

  static std::int32_t count_empty(const TrackedPartition& partition) {
    std::int32_t empty = 0;
    for (std::int32_t b = 0; b < partition.blocks(); ++b) empty += partition.size_of(BlockId{b}) == 0 ? 1 : 0;
    return empty;
  }

  const WeightedGraph& graph_;
  TrackedPartition partition_;
  AnnealingOptions options_;
  RandomSource random_;
  std::vector<VertexId> free_;
  std::array<double, kThresholds> thresholds_{};
  double price_ = 0.0;  // of a violation of 1
  std::int32_t empty_ = count_empty(partition_);
  Worth best_;
  Assignment best_assignment_;
};

}  // namespace

AnnealingResult anneal(const WeightedGraph& graph, const BalanceLimits& limits, Assignment start,
                       const AnnealingOptions& options) {
  return Annealing(graph, limits, std::move(start), options).run();
}

}  // namespace mp::partition
