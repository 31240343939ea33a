#include "partition/acyclic/interval_split.hpp"

#include <algorithm>
#include <compare>
#include <limits>
#include <utility>

#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

struct Cost {
  double violation = std::numeric_limits<double>::infinity();
  std::int32_t empty = 0;
  Weight cut = 0;
  friend Cost operator+(const Cost& a, const Cost& b) {
    return {.violation = a.violation + b.violation, .empty = a.empty + b.empty, .cut = a.cut + b.cut};
  }
  friend auto operator<=>(const Cost&, const Cost&) = default;
};
constexpr Cost kImpossible{};

class Splitter {
 public:
  Splitter(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const VertexId> order,
           const SplitOptions& options)
      : graph_(graph), limits_(limits), order_(order), options_(options), totals_(total_weights(graph)) {
    position_.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) position_[order[i]] = i;
    choose_ends();
  }

  std::optional<Assignment> run(bool strict) {
    const std::size_t ends = ends_.size();
    best_.assign((blocks() + 1) * ends, kImpossible);
    from_.assign((blocks() + 1) * ends, 0);
    best_[0] = {.violation = 0.0};
    for (std::size_t begin = 0; begin < ends; ++begin) extend_from(begin, strict);
    if (best_.back() == kImpossible) return std::nullopt;
    return read_off();
  }

 private:
  [[nodiscard]] std::size_t blocks() const { return options_.blocks.size(); }
  [[nodiscard]] bool enough_vertices() const { return ends_.size() > blocks(); }

  // Every position, or every few when a sweep from each would take too long.
  void choose_ends() {
    const auto work = static_cast<double>(graph_.vertices()) *
                      static_cast<double>(graph_.vertices() + 2 * graph_.edges()) / static_cast<double>(blocks() + 1);
    const auto step = static_cast<std::size_t>(work / static_cast<double>(options_.most_steps)) + 1;
    for (std::size_t i = 0; i < order_.size(); i += step) ends_.push_back(i);
    ends_.push_back(order_.size());
  }

  // Grows one interval from `begin`, and offers it to every block count that can stand before it.
  void extend_from(std::size_t begin, bool strict) {
    std::vector<Weight> load(totals_.size(), 0);
    Weight open = 0;  // edges from the interval to what comes after it: cut for certain
    std::vector<std::int32_t> fixed_inside(static_cast<std::size_t>(limits_.blocks), 0);
    std::int32_t fixed_count = 0;
    for (std::size_t end = begin; end < ends_.size(); ++end) {
      if (end > begin) {
        for (std::size_t i = ends_[end - 1]; i < ends_[end]; ++i) {
          open += opened_by(i, ends_[begin]);
          for (std::size_t c = 0; c < load.size(); ++c) load[c] += graph_.weights_of(order_[i])[c];
          if (options_.fixed.empty() || options_.fixed[index(order_[i])] == kNone<BlockId>) continue;
          ++fixed_inside[index(options_.fixed[index(order_[i])])];
          ++fixed_count;
        }
      } else if (strict && enough_vertices()) {
        continue;
      }
      if (!offer(
              begin, end, load, open, [&](BlockId b) { return fixed_inside[index(b)] == fixed_count; }, strict))
        return;
    }
  }

  // By what the open edges grow when the vertex at `i` joins an interval that began at `begin`.
  [[nodiscard]] Weight opened_by(std::size_t i, std::size_t begin) const {
    Weight sum = 0;
    const auto row = graph_.neighbours_of(order_[i]);
    for (std::size_t n = 0; n < row.size(); ++n) {
      const std::size_t other = position_[row[n]];
      if (other > i) sum += graph_.edge_weights_of(order_[i])[n];
      if (other < i && other >= begin) sum -= graph_.edge_weights_of(order_[i])[n];
    }
    return sum;
  }

  // False when no block can take this interval or any longer one.
  template <class Allowed>
  bool offer(std::size_t begin, std::size_t end, const std::vector<Weight>& load, Weight open, const Allowed& allowed,
             bool strict) {
    bool any = false;
    for (std::size_t b = 0; b < blocks(); ++b) {
      const double violation = violation_in(options_.blocks[b], load);
      if (strict && violation > 0.0) continue;
      any = true;
      const Cost before = best_[b * ends_.size() + begin];
      if (before == kImpossible || !allowed(options_.blocks[b])) continue;
      const Cost cost =
          before + Cost{.violation = violation, .empty = end == begin && enough_vertices() ? 1 : 0, .cut = open};
      Cost& known = best_[(b + 1) * ends_.size() + end];
      if (!(cost < known)) continue;
      known = cost;
      from_[(b + 1) * ends_.size() + end] = begin;
    }
    return any;
  }

  [[nodiscard]] double violation_in(BlockId b, const std::vector<Weight>& load) const {
    double sum = 0.0;
    for (std::size_t c = 0; c < load.size(); ++c)
      if (load[c] > limits_.of(b)[c])
        sum += static_cast<double>(load[c] - limits_.of(b)[c]) / static_cast<double>(totals_[c]);
    return sum;
  }

  [[nodiscard]] Assignment read_off() const {
    Assignment result(order_.size());
    std::size_t end = ends_.size() - 1;
    for (std::size_t b = blocks(); b > 0; --b) {
      const std::size_t begin = from_[b * ends_.size() + end];
      for (std::size_t i = ends_[begin]; i < ends_[end]; ++i) result[order_[i]] = options_.blocks[b - 1];
      end = begin;
    }
    return result;
  }

  const WeightedGraph& graph_;
  const BalanceLimits& limits_;
  std::span<const VertexId> order_;
  const SplitOptions& options_;
  std::vector<Weight> totals_;
  IdVector<VertexId, std::size_t> position_;
  std::vector<std::size_t> ends_;  // positions where a block may end; the last is the end of the line
  std::vector<Cost> best_;         // (blocks used) × ends
  std::vector<std::size_t> from_;
};

}  // namespace

std::optional<Assignment> split_order(const WeightedGraph& graph, const BalanceLimits& limits,
                                      std::span<const VertexId> order, const SplitOptions& options) {
  if (order.empty()) return Assignment{};
  Splitter splitter(graph, limits, order, options);
  std::optional<Assignment> result = splitter.run(true);
  return result ? result : splitter.run(false);
}

}  // namespace mp::partition
