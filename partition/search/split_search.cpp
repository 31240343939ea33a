#include "partition/search/split_search.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/graph/split_nodes.hpp"

namespace mp::partition {
namespace {

// A few nodes dominate, or none does: among many devices, or where many nodes are as heavy, replicas and stages do better
// for less searching.
constexpr std::size_t kMostDevices = 16;
constexpr std::size_t kMostHeavyNodes = 8;

double step_of(const SplitSearch& search) { return search.found.plans.front().prediction.step_time_s; }

class SplitSearcher {
 public:
  SplitSearcher(const Model& model, const std::string& source, const StepShape& shape, const Cluster& cluster,
                StepSearchOptions options)
      : model_(model), source_(source), shape_(shape), cluster_(cluster), options_(std::move(options)) {}

  SplitSearch search(const std::vector<NodeSplit>& splits, const StepSearchOptions& options) const {
    SplitSearch result{.splits = splits,
                       .model = model_in_parts(model_, splits, source_, shape_.bindings),
                       .found = {}};
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

  SplitSearch run(const std::vector<std::vector<NodeSplit>>& candidates) const {
    if (candidates.size() == 1) return search(candidates.front(), options_);
    constexpr double kPromising = 1.1;
    std::optional<SplitSearch> best = search_if_fitting(candidates.front(), options_);
    const std::optional<SplitSearch> likely = likeliest(candidates);
    const double limit_s = best ? kPromising * step_of(*best) : std::numeric_limits<double>::infinity();
    if (likely && step_of(*likely) < limit_s) {
      std::optional<SplitSearch> again = search_if_fitting(likely->splits, options_);
      if (!again || step_of(*likely) < step_of(*again)) again = likely;
      if (!best || step_of(*again) < step_of(*best)) best = std::move(again);
    }
    if (best) return *std::move(best);
    return search(candidates.front(), options_);  // which says what would fit
  }

 private:
  // Of all but the first, with little effort.
  std::optional<SplitSearch> likeliest(const std::vector<std::vector<NodeSplit>>& candidates) const {
    StepSearchOptions quick = options_;
    quick.portfolio.effort = Effort::kFast;
    quick.progress = {};
    std::optional<SplitSearch> best;
    for (std::size_t i = 1; i < candidates.size(); ++i) {
      std::optional<SplitSearch> found = search_if_fitting(candidates[i], quick);
      if (options_.progress) {
        options_.progress(found ? fmt::format("{} nodes split by {}: {:.6g} s", candidates[i].size(),
                                              name_of(candidates[i].front().way), step_of(*found))
                                : fmt::format("{} nodes split: nothing fits", candidates[i].size()));
      }
      if (found && (!best || step_of(*found) < step_of(*best))) best = std::move(found);
    }
    return best;
  }

  const Model& model_;
  const std::string& source_;
  const StepShape& shape_;
  const Cluster& cluster_;
  StepSearchOptions options_;
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

std::vector<std::vector<NodeSplit>> splits_to_try(const Graph& graph, const Cluster& cluster) {
  std::vector<std::vector<NodeSplit>> candidates(1);
  if (cluster.devices.size() < 2 || cluster.devices.size() > kMostDevices) return candidates;
  for (const std::optional<SplitWay> way :
       {std::optional<SplitWay>{}, std::optional(SplitWay::kRows), std::optional(SplitWay::kInputs)}) {
    HeavyNodes heavy = heavy_nodes_of(cluster);
    heavy.way = way;
    std::vector<NodeSplit> splits = splits_of_heavy_nodes(graph, heavy);
    if (splits.size() > kMostHeavyNodes) continue;
    if (std::find(candidates.begin(), candidates.end(), splits) == candidates.end()) {
      candidates.push_back(std::move(splits));
    }
  }
  return candidates;
}

SplitSearch search_splits(const Model& model, const std::string& source, const StepShape& shape,
                          const Cluster& cluster, const StepSearchOptions& options,
                          const std::vector<std::vector<NodeSplit>>& candidates) {
  return SplitSearcher(model, source, shape, cluster, options).run(candidates);
}

}  // namespace mp::partition
