#include "partition/mapping/block_mapping.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kMostExact = 8;

// Blocks and devices by number; device_of[b] is a permutation.
class Mapper {
 public:
  Mapper(const WeightedGraph& graph, const BalanceLimits& limits, const Assignment& assignment,
         const Distances& distances, std::span<const BlockId> fixed)
      : blocks_(static_cast<std::size_t>(limits.blocks)),
        distances_(distances),
        traffic_(block_traffic(graph, assignment, limits.blocks)),
        allowed_(blocks_ * blocks_, 0),
        device_of_(blocks_) {
    std::iota(device_of_.begin(), device_of_.end(), 0);
    const std::vector<Weight> weights = block_weights_of(graph, assignment, limits.blocks);
    const auto constraints = static_cast<std::size_t>(graph.constraints);
    for (std::size_t b = 0; b < blocks_; ++b) {
      const bool stays = std::find(fixed.begin(), fixed.end(), make_id<BlockId>(b)) != fixed.end();
      const auto load = weights.begin() + static_cast<std::ptrdiff_t>(b * constraints);
      for (std::size_t d = 0; d < blocks_; ++d)
        allowed_[b * blocks_ + d] =
            d == b || (!stays && std::ranges::equal(load, load + static_cast<std::ptrdiff_t>(constraints),
                                                    limits.of(make_id<BlockId>(d)).begin(),
                                                    limits.of(make_id<BlockId>(d)).end(), std::less_equal<>()))
                ? 1
                : 0;
    }
  }

  std::vector<std::size_t> run() {
    if (blocks_ <= kMostExact) {
      exact();
      return device_of_;
    }
    swap_pairs();
    const std::vector<std::size_t> from_start = device_of_;
    if (greedy()) {
      swap_pairs();
      if (cost(device_of_) < cost(from_start)) return device_of_;
    }
    return from_start;
  }

 private:
  [[nodiscard]] Weight traffic(std::size_t a, std::size_t b) const { return traffic_[a * blocks_ + b]; }
  [[nodiscard]] Weight distance(std::size_t d, std::size_t e) const { return distances_.matrix[d * blocks_ + e]; }
  [[nodiscard]] bool allowed(std::size_t b, std::size_t d) const { return allowed_[b * blocks_ + d] != 0; }

  [[nodiscard]] Weight cost(const std::vector<std::size_t>& device_of) const {
    Weight sum = 0;
    for (std::size_t a = 0; a < blocks_; ++a)
      for (std::size_t b = 0; b < a; ++b) sum += traffic(a, b) * distance(device_of[a], device_of[b]);
    return sum;
  }

  // Depth-first over permutations, cut off by the cost among placed blocks.
  void exact() {
    Weight best = cost(device_of_);
    std::vector<std::size_t> best_devices = device_of_;
    std::vector<std::size_t> trial(blocks_);
    std::vector<char> taken(blocks_, 0);
    const auto place = [&](const auto& self, std::size_t b, Weight so_far) -> void {
      if (so_far >= best) return;
      if (b == blocks_) {
        best = so_far;
        best_devices = trial;
        return;
      }
      for (std::size_t d = 0; d < blocks_; ++d) {
        if (taken[d] != 0 || !allowed(b, d)) continue;
        Weight more = 0;
        for (std::size_t a = 0; a < b; ++a) more += traffic(a, b) * distance(trial[a], d);
        taken[d] = 1;
        trial[b] = d;
        self(self, b + 1, so_far + more);
        taken[d] = 0;
      }
    };
    place(place, 0, 0);
    device_of_ = best_devices;
  }

  // The block with the most traffic to those placed goes to the free device nearest to them. False if it gets stuck.
  bool greedy() {
    std::vector<char> placed(blocks_, 0);
    std::vector<char> taken(blocks_, 0);
    for (std::size_t step = 0; step < blocks_; ++step) {
      const std::size_t b = most_attached(placed);
      std::size_t best = blocks_;
      Weight best_cost = 0;
      for (std::size_t d = 0; d < blocks_; ++d) {
        if (taken[d] != 0 || !allowed(b, d)) continue;
        Weight sum = 0;
        for (std::size_t a = 0; a < blocks_; ++a) {
          if (placed[a] != 0) sum += traffic(a, b) * distance(device_of_[a], d);
          if (step == 0) sum += distance(a, d);  // the first one to the centre
        }
        if (best == blocks_ || sum < best_cost) {
          best = d;
          best_cost = sum;
        }
      }
      if (best == blocks_) return false;
      device_of_[b] = best;
      placed[b] = taken[best] = 1;
    }
    return true;
  }
  [[nodiscard]] std::size_t most_attached(const std::vector<char>& placed) const {
    std::size_t best = blocks_;
    std::pair<Weight, Weight> best_key;
    for (std::size_t b = 0; b < blocks_; ++b) {
      if (placed[b] != 0) continue;
      std::pair<Weight, Weight> key;  // to placed blocks, to all
      for (std::size_t a = 0; a < blocks_; ++a) {
        key.second += traffic(a, b);
        if (placed[a] != 0) key.first += traffic(a, b);
      }
      if (best == blocks_ || key > best_key) {
        best = b;
        best_key = key;
      }
    }
    return best;
  }

  void swap_pairs() {
    for (bool better = true; better;) {
      better = false;
      for (std::size_t a = 0; a < blocks_; ++a)
        for (std::size_t b = 0; b < a; ++b)
          if (allowed(a, device_of_[b]) && allowed(b, device_of_[a]) && swap_gain(a, b) > 0) {
            std::swap(device_of_[a], device_of_[b]);
            better = true;
          }
    }
  }
  [[nodiscard]] Weight swap_gain(std::size_t a, std::size_t b) const {
    Weight gain = 0;
    for (std::size_t c = 0; c < blocks_; ++c) {
      if (c == a || c == b) continue;
      const Weight change = distance(device_of_[a], device_of_[c]) - distance(device_of_[b], device_of_[c]);
      gain += (traffic(a, c) - traffic(b, c)) * change;
    }
    return gain;
  }

  std::size_t blocks_;
  const Distances& distances_;
  std::vector<Weight> traffic_;
  std::vector<char> allowed_;  // blocks × devices
  std::vector<std::size_t> device_of_;
};

}  // namespace

std::vector<Weight> block_traffic(const WeightedGraph& graph, const Assignment& assignment, std::int32_t blocks) {
  const auto count = static_cast<std::size_t>(blocks);
  std::vector<Weight> traffic(count * count, 0);
  for (const VertexId v : ids<VertexId>(assignment.size()))
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
      const BlockId other = assignment[graph.neighbours_of(v)[i]];
      if (other != assignment[v]) traffic[index(assignment[v]) * count + index(other)] += graph.edge_weights_of(v)[i];
    }
  return traffic;
}

Assignment map_blocks(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                      const Distances& distances, std::span<const BlockId> fixed) {
  MP_CHECK(distances.devices == limits.blocks);
  const std::vector<std::size_t> device_of = Mapper(graph, limits, assignment, distances, fixed).run();
  for (BlockId& b : assignment) b = make_id<BlockId>(device_of[index(b)]);
  return assignment;
}

}  // namespace mp::partition
