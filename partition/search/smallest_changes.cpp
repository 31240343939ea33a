#include "partition/search/smallest_changes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace mp::partition {

Cluster with_devices(const Cluster& cluster, std::size_t devices) {
  Cluster grown = cluster;
  const std::int32_t last_host = cluster.devices.items().back().host;
  std::vector<ClusterDevice> pattern;
  for (const ClusterDevice& device : cluster.devices) {
    if (device.host == last_host) pattern.push_back(device);
  }
  // On one host, and without another link to go by, more devices come to the same host.
  const bool one_host = pattern.size() == cluster.devices.size() && cluster.between_hosts.bandwidth_bytes_per_s <= 0.0;
  for (std::size_t i = 0; grown.devices.size() < devices; ++i) {
    ClusterDevice device = pattern[i % pattern.size()];
    device.name = fmt::format("{}+{}", device.name, i / pattern.size() + 1);
    if (!one_host) device.host = last_host + 1 + static_cast<std::int32_t>(i / pattern.size());
    grown.devices.push_back(std::move(device));
  }
  return grown;
}

namespace {

constexpr std::size_t kMostDevices = 4096;  // of a plan file

class Changes {
 public:
  Changes(const Model& model, const std::string& source, const StepShape& shape, const Cluster& cluster,
          const StepSearchOptions& options)
      : model_(model), source_(source), shape_(shape), cluster_(cluster), options_(options) {
    options_.portfolio.effort = Effort::kFast;
    options_.progress = {};
  }

  std::vector<std::string> run() && {
    more_microbatches();
    more_devices();
    smaller_batch();
    return std::move(found_);
  }

 private:
  void more_microbatches() {
    if (!options_.microbatches) return;
    StepSearchOptions free = options_;
    free.microbatches.reset();
    if (const auto plan = first_fitting_plan(model_, source_, shape_, cluster_, free)) {
      found_.push_back(
          fmt::format("{} microbatches (--microbatches {})", plan->plan.microbatches, plan->plan.microbatches));
    }
  }

  [[nodiscard]] bool fits_on(std::size_t devices) const {
    const Cluster grown = with_devices(cluster_, devices);
    return first_fitting_plan(model_, source_, shape_, grown, options_).has_value();
  }

  // Doubled until they do, then the fewest between by halves.
  void more_devices() {
    if (!cluster_.matrix.empty()) return;  // nobody knows the links of further devices
    std::size_t too_few = cluster_.devices.size();
    std::size_t enough = 0;
    for (std::size_t n = 2 * too_few; enough == 0 && too_few < kMostDevices; n *= 2) {
      const std::size_t devices = std::min(n, kMostDevices);
      (fits_on(devices) ? enough : too_few) = devices;
    }
    if (enough == 0) return;
    while (enough - too_few > 1) {
      const std::size_t middle = too_few + (enough - too_few) / 2;
      (fits_on(middle) ? enough : too_few) = middle;
    }
    found_.push_back(fmt::format("{} devices instead of {}", enough, cluster_.devices.size()));
  }

  void smaller_batch() {
    const auto asked = shape_.bindings.find(kBatchDimension);
    const auto known = model_.dimensions.find(kBatchDimension);
    if (asked == shape_.bindings.end() && known == model_.dimensions.end()) return;
    StepSearchOptions free = options_;
    free.microbatches.reset();
    const std::int64_t batch = asked != shape_.bindings.end() ? asked->second : known->second;
    for (std::int64_t smaller = batch / 2; smaller >= 1; smaller /= 2) {
      StepShape shape = shape_;
      shape.bindings.insert_or_assign(std::string(kBatchDimension), smaller);
      if (!first_fitting_plan(model_, source_, shape, cluster_, free)) continue;
      found_.push_back(fmt::format("a batch of {} instead of {} (--bind batch={})", smaller, batch, smaller));
      return;
    }
  }

  const Model& model_;
  const std::string& source_;
  const StepShape& shape_;
  const Cluster& cluster_;
  StepSearchOptions options_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> smallest_changes_that_fit(const Model& model, const std::string& source,
                                                   const StepShape& shape, const Cluster& cluster,
                                                   const StepSearchOptions& options) {
  return Changes(model, source, shape, cluster, options).run();
}

}  // namespace mp::partition
