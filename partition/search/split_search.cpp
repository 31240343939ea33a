#include "partition/search/split_search.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/graph/split_nodes.hpp"
#include "partition/deadline.hpp"
#include "partition/search/lanes.hpp"
#include "partition/search/pipeline_candidates.hpp"

namespace mp::partition {
namespace {

// A few nodes dominate, or none does: among many devices, or where many nodes are as heavy, replicas and stages do
// better for less searching.
constexpr std::size_t kMostDevices = 16;
constexpr std::size_t kMostHeavyNodes = 8;
constexpr std::array kTensorParallelDegrees = {2, 4, 8};  // as hosts have devices

double step_of(const SplitSearch& search) { return search.found.plans.front().prediction.step_time_s; }

class SplitSearcher {
 public:
  SplitSearcher(const Model& model, const std::string& source, const StepShape& shape, const Cluster& cluster,
                StepSearchOptions options)
      : model_(model), source_(source), shape_(shape), cluster_(cluster), options_(std::move(options)) {}

  SplitSearch search(const std::vector<NodeSplit>& splits, StepSearchOptions options) const {
    if (options.portfolio.time_limit_s) {  // which is that of all searches
      const std::chrono::duration<double> used = Deadline::Clock::now() - start_;
      options.portfolio.time_limit_s = std::max(0.0, *options.portfolio.time_limit_s - used.count());
    }
    SplitSearch result{
        .splits = splits, .model = model_in_parts(model_, splits, source_, shape_.bindings), .found = {}};
    result.found = search_step_time(result.model, source_, shape_, cluster_, options);
    return result;
  }

  std::optional<SplitSearch> search_if_fitting(const std::vector<NodeSplit>& splits, StepSearchOptions options) const {
    options.names_what_fits = false;
    try {
      return search(splits, options);
    } catch (const InfeasibleError&) {
      return std::nullopt;
    }
  }

  SplitSearch run(const std::vector<SplitCandidate>& candidates) const {
    if (candidates.size() == 1) return search(candidates.front().splits, options_);
    std::optional<SplitSearch> best = search_if_fitting(candidates.front().splits, options_);
    for (const bool tensor_parallel : {false, true}) {
      if (best && late()) break;
      std::optional<SplitSearch> likely = likeliest(candidates, tensor_parallel, best);
      if (!likely || !(step_of(*likely) < promising_s(best))) continue;
      StepSearchOptions thorough = options_;
      thorough.lanes_alone = tensor_parallel;
      std::optional<SplitSearch> again = search_if_fitting(likely->splits, thorough);
      if (!again || step_of(*likely) < step_of(*again)) again = std::move(likely);
      if (!best || step_of(*again) < step_of(*best)) best = std::move(again);
    }
    if (best) return *std::move(best);
    return search(candidates.front().splits, options_);  // which says what would fit
  }

 private:
  [[nodiscard]] bool late() const {
    return Deadline(start_, options_.portfolio.time_limit_s, options_.portfolio.stop).passed();
  }

  [[nodiscard]] static double promising_s(const std::optional<SplitSearch>& best) {
    constexpr double kPromising = 1.1;
    return best ? kPromising * step_of(*best) : std::numeric_limits<double>::infinity();
  }

  // Of all but the first, with little effort.
  [[nodiscard]] std::optional<SplitSearch> likeliest(const std::vector<SplitCandidate>& candidates,
                                                     bool tensor_parallel,
                                                     const std::optional<SplitSearch>& known) const {
    StepSearchOptions quick = options_;
    quick.portfolio.effort = Effort::kFast;
    quick.progress = {};
    quick.lanes_alone = tensor_parallel;
    if (tensor_parallel && known) quick.worth_s = promising_s(known);
    std::optional<SplitSearch> best;
    for (std::size_t i = 1; i < candidates.size(); ++i) {
      if (candidates[i].tensor_parallel != tensor_parallel || ((known || best) && late())) continue;
      std::optional<SplitSearch> found = search_if_fitting(candidates[i].splits, quick);
      tell(candidates[i], found);
      if (found && (!best || step_of(*found) < step_of(*best))) best = std::move(found);
    }
    return best;
  }

  void tell(const SplitCandidate& tried, const std::optional<SplitSearch>& found) const {
    if (!options_.progress) return;
    const NodeSplit& first = tried.splits.front();
    const std::string what = tried.tensor_parallel
                                 ? fmt::format("tensor parallelism of {} devices", first.parts)
                                 : fmt::format("{} nodes split by {}", tried.splits.size(), name_of(first.way));
    options_.progress(found ? fmt::format("{}: {:.6g} s", what, step_of(*found))
                            : fmt::format("{}: nothing that fits promises a shorter step", what));
  }

  const Model& model_;
  const std::string& source_;
  const StepShape& shape_;
  const Cluster& cluster_;
  StepSearchOptions options_;
  const Deadline::Clock::time_point start_ = Deadline::Clock::now();
};

}  // namespace

HeavyNodes heavy_nodes_of(const Cluster& cluster) {
  HeavyNodes heavy{.devices = static_cast<std::int64_t>(cluster.devices.size())};
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) {
    const std::int64_t has = cluster.type_of(d).memory_bytes;
    if (has > 0) heavy.memory_bytes = heavy.memory_bytes == 0 ? has : std::min(heavy.memory_bytes, has);
  }
  return heavy;
}

namespace {

void add_heavy_nodes(const Graph& graph, const Cluster& cluster, std::vector<SplitCandidate>& candidates) {
  if (cluster.devices.size() > kMostDevices) return;
  for (const std::optional<SplitWay> way :
       {std::optional<SplitWay>{}, std::optional(SplitWay::kRows), std::optional(SplitWay::kInputs)}) {
    HeavyNodes heavy = heavy_nodes_of(cluster);
    heavy.way = way;
    std::vector<NodeSplit> splits = splits_of_heavy_nodes(graph, heavy);
    if (splits.size() > kMostHeavyNodes) continue;
    const bool known = std::any_of(candidates.begin(), candidates.end(),
                                   [&](const SplitCandidate& candidate) { return candidate.splits == splits; });
    if (!known) candidates.push_back({.splits = std::move(splits)});
  }
}

void add_tensor_parallelism(const Graph& graph, const Cluster& cluster, std::vector<SplitCandidate>& candidates) {
  if (cluster.devices.size() > kFewDevices) return;
  std::vector<DeviceId> devices;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) devices.push_back(d);
  for (const std::int32_t degree : kTensorParallelDegrees) {
    if (lane_groups(cluster, devices, degree).empty()) return;
    std::vector<NodeSplit> splits = tensor_parallel_splits(graph, degree);
    if (!splits.empty()) candidates.push_back({.splits = std::move(splits), .tensor_parallel = true});
  }
}

}  // namespace

std::vector<SplitCandidate> splits_to_try(const Graph& graph, const Cluster& cluster) {
  std::vector<SplitCandidate> candidates(1);
  if (cluster.devices.size() < 2) return candidates;
  add_heavy_nodes(graph, cluster, candidates);
  add_tensor_parallelism(graph, cluster, candidates);
  return candidates;
}

SplitSearch search_splits(const Model& model, const std::string& source, const StepShape& shape, const Cluster& cluster,
                          const StepSearchOptions& options, const std::vector<SplitCandidate>& candidates) {
  return SplitSearcher(model, source, shape, cluster, options).run(candidates);
}

}  // namespace mp::partition
