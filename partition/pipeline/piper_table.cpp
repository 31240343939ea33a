#include "partition/pipeline/piper_table.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kUnreached = std::numeric_limits<std::int32_t>::max();

constexpr double kTiny = 1e-12;  // seconds: differences of sums that should be nothing

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
  for (std::int32_t i = 0; i < upsets.size(); ++i) {
    const auto u = make_id<UpsetId>(i);
    first_inner_.push_back(static_cast<std::int64_t>(inner_.size()));
    for (const UpsetId inner : upsets.inside(u)) inner_.push_back(inner);
    entering_s_.push_back(costs.entering_s(upsets.set(u)));
    const std::vector<VertexId> members = upsets.difference(u, UpsetId{0});
    for (const std::int32_t t : costs.tensor_degrees()) {
      StageOption& sum = least_of_.emplace_back();
      std::int32_t& missing = missing_.emplace_back(0);
      for (const VertexId v : members) {
        if (const StageOption* least = costs.least(v, t)) {
          sum += *least;
        } else {
          ++missing;
        }
      }
    }
  }
  first_inner_.push_back(static_cast<std::int64_t>(inner_.size()));
  const auto all = make_id<UpsetId>(upsets.size() - 1);
  for (std::int32_t i = 0; i < upsets.size(); ++i) {
    double work = 0.0;
    for (const VertexId v : upsets.difference(all, make_id<UpsetId>(i))) work += costs.work_s(v);
    work_left_s_.push_back(work);
  }
}

double PiperTable::transfer_s(Pair pair, std::int32_t data_parallel) const {
  return std::max(entering_s_[index(pair.outer)], entering_s_[index(pair.inner)]) / data_parallel;
}

StageOptions PiperTable::options_of(Pair pair, std::int32_t t) const {
  return costs_.options(upsets_.difference(pair.outer, pair.inner), upsets_.set(pair.outer), upsets_.set(pair.inner),
                        t);
}

StageBounds PiperTable::quick_bounds(Pair pair, std::size_t tensor_degree) const {
  const std::size_t degrees = costs_.tensor_degrees().size();
  const std::size_t outer = index(pair.outer) * degrees + tensor_degree;
  const std::size_t inner = index(pair.inner) * degrees + tensor_degree;
  return {.possible = missing_[outer] == missing_[inner], .least = least_of_[outer] - least_of_[inner]};
}

// Differences of sums are off by rounding.
bool PiperTable::may_keep(const StageBounds& bounds, std::int32_t d, std::int32_t replicas, double threshold_s) const {
  const double bytes = bounds.least.per_microbatch_bytes * divided_up(replicas + d, d) + bounds.least.constant_bytes;
  const double time = bounds.least.divided_s / d + bounds.least.exchanged_s * costs_.exchange_share(d);
  return bytes <= problem_.memory_bytes * (1.0 + 1e-9) + 1.0 && time <= threshold_s * (1.0 + 1e-9) + kTiny;
}

bool PiperTable::keeps(double threshold_s) {
  points_[UpsetId{0}] = {Point{}};
  for (std::int32_t i = 1; i < upsets_.size(); ++i) {
    const auto u = make_id<UpsetId>(i);
    least_.assign(static_cast<std::size_t>(problem_.devices) + 1, Point{.replicas = kUnreached, .shape = {}});
    const auto last = first_inner_[static_cast<std::size_t>(i) + 1];
    for (auto pair = first_inner_[static_cast<std::size_t>(i)]; pair < last; ++pair)
      extend({u, inner_[static_cast<std::size_t>(pair)]}, threshold_s);
    collect(u);
  }
  return !points_[make_id<UpsetId>(upsets_.size() - 1)].empty();
}

// All points of the inner upset, with the stage before them in every shape.
void PiperTable::extend(Pair pair, double threshold_s) {
  const std::vector<Point>& points = points_[pair.inner];
  if (points.empty()) return;
  // The nodes still to come need so many devices at least; rounded down where the quotient is next to an integer.
  const double needed = std::ceil(work_left_s_[index(pair.outer)] / threshold_s * (1.0 - 1e-9));
  if (needed > problem_.devices) return;
  const std::int32_t most_devices = problem_.devices - static_cast<std::int32_t>(needed);
  const std::vector<std::int32_t>& degrees = costs_.tensor_degrees();
  for (std::size_t i = 0; i < degrees.size(); ++i) {
    StageBounds bounds = quick_bounds(pair, i);
    StageOptions options;
    for (const std::int32_t d : costs_.data_degrees()) {
      if (!bounds.possible || points.front().devices + d * degrees[i] > most_devices) break;
      if (points.back().replicas + d > costs_.most_replicas()) break;
      if (transfer_s(pair, d) > threshold_s) continue;
      if (!may_keep(bounds, d, points.back().replicas, threshold_s)) continue;
      if (options.options.empty()) {  // now what crosses counts, too
        options = options_of(pair, degrees[i]);
        bounds = StageCosts::bounds(options);
        if (!may_keep(bounds, d, points.back().replicas, threshold_s)) continue;
      }
      extend(pair, options, {degrees[i], d}, most_devices, threshold_s);
    }
  }
}

void PiperTable::extend(Pair pair, const StageOptions& options, Shape shape, std::int32_t most_devices,
                        double threshold_s) {
  const std::vector<Point>& points = points_[pair.inner];
  const std::int32_t d = shape.data_parallel;
  const std::int32_t added = d * shape.tensor_parallel;
  const auto usable = std::partition_point(points.begin(), points.end(),
                                           [&](const Point& p) { return p.devices + added <= most_devices; });
  const std::int32_t low = divided_up(std::prev(usable)->replicas + d, d);
  const std::int32_t high = divided_up(std::min(points.front().replicas + d, costs_.most_replicas()), d);
  if (high < low) return;
  const std::int32_t in_flight = most_in_flight(options, shape, low, high, threshold_s);
  if (in_flight < low) return;
  const std::int64_t most_replicas =
      std::min<std::int64_t>(static_cast<std::int64_t>(in_flight) * d, costs_.most_replicas());
  const auto first =
      std::partition_point(points.begin(), usable, [&](const Point& p) { return p.replicas + d > most_replicas; });
  for (auto point = first; point != usable; ++point) {
    Point& least = least_[static_cast<std::size_t>(point->devices + added)];
    if (point->replicas + d >= least.replicas) continue;
    least = {.devices = point->devices + added,
             .replicas = point->replicas + d,
             .inner = pair.inner,
             .rest = static_cast<std::int32_t>(point - points.begin()),
             .shape = shape};
  }
}

// The largest number in low … high of microbatches under way with which the stage keeps threshold and memory; low − 1
// if even low is too many.
std::int32_t PiperTable::most_in_flight(const StageOptions& options, Shape shape, std::int32_t low, std::int32_t high,
                                        double threshold_s) {
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

PiperStage PiperTable::stage_of(UpsetId u, const Point& point) const {
  const std::int32_t in_flight = divided_up(point.replicas, point.shape.data_parallel);
  const StageOptions options = options_of({u, point.inner}, point.shape.tensor_parallel);
  const auto choice =
      cheapest_choice(costs_.items(options, point.shape.data_parallel, in_flight), problem_.memory_bytes);
  MP_CHECK(choice.has_value());
  return {.nodes = upsets_.difference(u, point.inner),
          .options = choice->chosen,
          .data_parallel = point.shape.data_parallel,
          .tensor_parallel = point.shape.tensor_parallel,
          .in_flight = in_flight,
          .time_s = std::max(choice->cost, transfer_s({u, point.inner}, point.shape.data_parallel)),
          .memory_bytes = choice->memory};
}

PiperPlan PiperTable::plan() const {
  PiperPlan plan;
  auto u = make_id<UpsetId>(upsets_.size() - 1);
  std::size_t position = 0;
  while (u != UpsetId{0}) {
    const Point& point = points_[u][position];
    plan.stages.push_back(stage_of(u, point));
    plan.time_s = std::max(plan.time_s, plan.stages.back().time_s);
    u = point.inner;
    position = static_cast<std::size_t>(point.rest);
  }
  plan.upsets = upsets_.size();
  return plan;
}

}  // namespace mp::partition
