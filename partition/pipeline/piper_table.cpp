#include "partition/pipeline/piper_table.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kUnreached = std::numeric_limits<std::int32_t>::max();

std::int32_t divided_up(std::int32_t a, std::int32_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t count_pairs(const Upsets& upsets, std::int64_t limit) {
  std::int64_t pairs = 0;
  for (std::int32_t u = 0; u < upsets.size(); ++u) {
    pairs += static_cast<std::int64_t>(upsets.inside(make_id<UpsetId>(u)).size());
    if (pairs > limit) return -1;
  }
  return pairs;
}

PiperTable::PiperTable(const PiperProblem& problem, const StageCosts& costs, const Upsets& upsets)
    : problem_(problem), costs_(costs), upsets_(upsets), points_(static_cast<std::size_t>(upsets.size())) {
  const BitSet empty(problem.nodes.size());
  BitSet all = empty;
  for (std::size_t v = 0; v < problem.nodes.size(); ++v) all.add(make_id<VertexId>(v));
  for (std::int32_t i = 0; i < upsets.size(); ++i) {
    const auto u = make_id<UpsetId>(i);
    first_pair_.push_back(static_cast<std::int64_t>(pairs_.size()));
    for (const UpsetId inner : upsets.inside(u)) {
      pairs_.push_back({u, inner});
      for (const std::int32_t t : costs.tensor_degrees())
        bounds_.push_back(StageCosts::bounds(options_of(static_cast<std::int32_t>(pairs_.size()) - 1, t)));
    }
    double work = 0.0;
    all.for_each_not_in(upsets.set(u), empty, [&](VertexId v) { work += costs.work_s(v); });
    work_left_s_.push_back(work);
  }
  first_pair_.push_back(static_cast<std::int64_t>(pairs_.size()));
}

StageOptions PiperTable::options_of(std::int32_t pair, std::int32_t t) const {
  const Pair& stage = pairs_[static_cast<std::size_t>(pair)];
  return costs_.options(upsets_.difference(stage.outer, stage.inner), upsets_.set(stage.outer),
                        upsets_.set(stage.inner), t);
}

bool PiperTable::keeps(double threshold_s) {
  points_[UpsetId{0}] = {Point{}};
  for (std::int32_t i = 1; i < upsets_.size(); ++i) {
    least_.assign(static_cast<std::size_t>(problem_.devices) + 1, Point{.replicas = kUnreached, .shape = {}});
    const auto first = first_pair_[static_cast<std::size_t>(i)];
    const auto last = first_pair_[static_cast<std::size_t>(i) + 1];
    for (auto pair = first; pair < last; ++pair) extend(static_cast<std::int32_t>(pair), threshold_s);
    collect(make_id<UpsetId>(i));
  }
  return !points_[make_id<UpsetId>(upsets_.size() - 1)].empty();
}

// All points of the inner upset, with the stage before them in every shape.
void PiperTable::extend(std::int32_t pair, double threshold_s) {
  const Pair& stage = pairs_[static_cast<std::size_t>(pair)];
  const std::vector<Point>& points = points_[stage.inner];
  if (points.empty()) return;
  // The nodes still to come need so many devices at least; rounded down where the quotient is next to an integer.
  const double needed = std::ceil(work_left_s_[index(stage.outer)] / threshold_s * (1.0 - 1e-9));
  if (needed > problem_.devices) return;
  const std::int32_t most_devices = problem_.devices - static_cast<std::int32_t>(needed);
  const std::vector<std::int32_t>& degrees = costs_.tensor_degrees();
  for (std::size_t t = 0; t < degrees.size(); ++t) {
    const StageBounds& bounds = bounds_[static_cast<std::size_t>(pair) * degrees.size() + t];
    if (!bounds.possible) continue;
    for (const std::int32_t d : costs_.data_degrees()) {
      if (points.front().devices + d * degrees[t] > most_devices) break;
      if (points.back().replicas + d > costs_.most_replicas()) break;
      if (bounds.least.divided_s / d + bounds.least.exchanged_s * costs_.exchange_share(d) > threshold_s * (1 + 1e-12))
        continue;
      extend(pair, {degrees[t], d}, most_devices, threshold_s);
    }
  }
}

void PiperTable::extend(std::int32_t pair, Shape shape, std::int32_t most_devices, double threshold_s) {
  const std::vector<Point>& points = points_[pairs_[static_cast<std::size_t>(pair)].inner];
  const std::int32_t added = shape.data_parallel * shape.tensor_parallel;
  const auto usable = std::partition_point(points.begin(), points.end(),
                                           [&](const Point& p) { return p.devices + added <= most_devices; });
  const std::int32_t d = shape.data_parallel;
  const std::int32_t low = divided_up(std::prev(usable)->replicas + d, d);
  const std::int32_t high = divided_up(std::min(points.front().replicas + d, costs_.most_replicas()), d);
  if (high < low) return;
  const std::int32_t in_flight = most_in_flight(pair, shape, low, high, threshold_s);
  if (in_flight < low) return;
  const std::int64_t most_replicas =
      std::min<std::int64_t>(static_cast<std::int64_t>(in_flight) * d, costs_.most_replicas());
  const auto first =
      std::partition_point(points.begin(), usable, [&](const Point& p) { return p.replicas + d > most_replicas; });
  for (auto point = first; point != usable; ++point) {
    Point& least = least_[static_cast<std::size_t>(point->devices + added)];
    if (point->replicas + d < least.replicas)
      least = {point->devices + added, point->replicas + d, pair, static_cast<std::int32_t>(point - points.begin()),
               shape};
  }
}

// The largest number in low … high of microbatches under way with which the stage keeps threshold and memory; low − 1
// if even low is too many.
std::int32_t PiperTable::most_in_flight(std::int32_t pair, Shape shape, std::int32_t low, std::int32_t high,
                                        double threshold_s) {
  const std::vector<std::int32_t>& degrees = costs_.tensor_degrees();
  const auto t =
      static_cast<std::size_t>(std::find(degrees.begin(), degrees.end(), shape.tensor_parallel) - degrees.begin());
  const StageOption& least = bounds_[static_cast<std::size_t>(pair) * degrees.size() + t].least;
  if (least.per_microbatch_bytes * low + least.constant_bytes > problem_.memory_bytes * (1 + 1e-12)) return low - 1;
  const StageOptions options = options_of(pair, shape.tensor_parallel);
  const auto fits = [&](std::int32_t in_flight) {
    const ItemOptions items = costs_.items(options, shape.data_parallel, in_flight);
    const Fits answer = choice_fits(items, problem_.memory_bytes, threshold_s);
    if (answer == Fits::kUnknown) exact_ = false;
    return answer == Fits::kYes;
  };
  if (fits(high)) return high;
  std::int32_t bad = high;
  std::int32_t good = low - 1;
  while (bad - good > 1) {
    const std::int32_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return good;
}

void PiperTable::collect(UpsetId u) {
  std::vector<Point>& points = points_[u];
  points.clear();
  std::int32_t fewest = kUnreached;
  for (const Point& point : least_) {
    if (point.replicas >= fewest) continue;
    fewest = point.replicas;
    points.push_back(point);
  }
}

PiperStage PiperTable::stage_of(const Point& point) const {
  const Pair& pair = pairs_[static_cast<std::size_t>(point.pair)];
  const std::int32_t in_flight = divided_up(point.replicas, point.shape.data_parallel);
  const StageOptions options = options_of(point.pair, point.shape.tensor_parallel);
  const auto choice =
      cheapest_choice(costs_.items(options, point.shape.data_parallel, in_flight), problem_.memory_bytes);
  MP_CHECK(choice.has_value());
  return {.nodes = upsets_.difference(pair.outer, pair.inner),
          .options = choice->chosen,
          .data_parallel = point.shape.data_parallel,
          .tensor_parallel = point.shape.tensor_parallel,
          .in_flight = in_flight,
          .time_s = choice->cost,
          .memory_bytes = choice->memory};
}

PiperPlan PiperTable::plan() const {
  PiperPlan plan;
  UpsetId u = make_id<UpsetId>(upsets_.size() - 1);
  std::size_t position = 0;
  while (u != UpsetId{0}) {
    const Point& point = points_[u][position];
    plan.stages.push_back(stage_of(point));
    plan.time_s = std::max(plan.time_s, plan.stages.back().time_s);
    u = pairs_[static_cast<std::size_t>(point.pair)].inner;
    position = static_cast<std::size_t>(point.rest);
  }
  plan.upsets = upsets_.size();
  return plan;
}

}  // namespace mp::partition
