#include "partition/max_load/load_problem.hpp"

#include <algorithm>
#include <limits>

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

void add_transfers(const LoadProblem& problem, const LoadPlacement& placement, std::vector<DeviceLoad>& loads) {
  std::vector<std::int32_t> reached;
  for (const LoadTensor& tensor : problem.tensors) {
    const std::int32_t home = placement[at(tensor.producer)];
    reached.clear();
    for (const std::int32_t reader : tensor.readers) {
      if (placement[at(reader)] != home) reached.push_back(placement[at(reader)]);
    }
    if (reached.empty()) continue;
    std::sort(reached.begin(), reached.end());
    reached.erase(std::unique(reached.begin(), reached.end()), reached.end());
    reached.push_back(home);
    for (const std::int32_t device : reached) {
      const bool pays = problem.classes[at(problem.class_of[at(device)])].pays_transfers;
      if (pays) loads[at(device)].transfer_s += tensor.transfer_s;
    }
  }
}

}  // namespace

std::vector<std::int32_t> LoadProblem::counts() const {
  std::vector<std::int32_t> counts(classes.size(), 0);
  for (const std::int32_t c : class_of) ++counts[at(c)];
  return counts;
}

std::vector<DeviceLoad> loads_of(const LoadProblem& problem, const LoadPlacement& placement) {
  std::vector<DeviceLoad> loads(problem.devices());
  for (std::size_t unit = 0; unit < problem.units(); ++unit) {
    const std::int32_t device = placement[unit];
    loads[at(device)].compute_s += problem.seconds[at(problem.class_of[at(device)])][unit];
    loads[at(device)].bytes += problem.bytes[unit];
  }
  add_transfers(problem, placement, loads);
  return loads;
}

double max_load(const LoadProblem& problem, const LoadPlacement& placement) {
  double largest = 0.0;
  for (std::size_t unit = 0; unit < problem.units(); ++unit) {
    const std::int32_t wanted = problem.fixed_device(unit);
    if (wanted >= 0 && wanted != placement[unit]) return kInfinity;
  }
  const std::vector<DeviceLoad> loads = loads_of(problem, placement);
  for (std::size_t device = 0; device < loads.size(); ++device) {
    const std::int64_t memory = problem.classes[at(problem.class_of[device])].memory_bytes;
    if (memory > 0 && loads[device].bytes > memory) return kInfinity;
    largest = std::max(largest, loads[device].seconds());
  }
  return largest;
}

LoadProblem merge_units(const LoadProblem& problem, const std::vector<std::int32_t>& group_of, std::int32_t groups) {
  LoadProblem merged;
  merged.classes = problem.classes;
  merged.class_of = problem.class_of;
  merged.seconds.assign(problem.classes.size(), std::vector<double>(at(groups), 0.0));
  merged.bytes.assign(at(groups), 0);
  if (!problem.fixed.empty()) merged.fixed.assign(at(groups), -1);
  for (std::size_t unit = 0; unit < problem.units(); ++unit) {
    const std::size_t group = at(group_of[unit]);
    for (std::size_t c = 0; c < problem.classes.size(); ++c) merged.seconds[c][group] += problem.seconds[c][unit];
    merged.bytes[group] += problem.bytes[unit];
    if (problem.fixed_device(unit) >= 0) merged.fixed[group] = problem.fixed[unit];
  }
  for (const LoadTensor& tensor : problem.tensors) {
    LoadTensor kept{.producer = group_of[at(tensor.producer)], .readers = {}, .transfer_s = tensor.transfer_s};
    for (const std::int32_t reader : tensor.readers) {
      if (group_of[at(reader)] != kept.producer) kept.readers.push_back(group_of[at(reader)]);
    }
    std::sort(kept.readers.begin(), kept.readers.end());
    kept.readers.erase(std::unique(kept.readers.begin(), kept.readers.end()), kept.readers.end());
    if (!kept.readers.empty()) merged.tensors.push_back(std::move(kept));
  }
  for (const auto& [before, after] : problem.order) {
    if (group_of[at(before)] != group_of[at(after)])
      merged.order.emplace_back(group_of[at(before)], group_of[at(after)]);
  }
  std::sort(merged.order.begin(), merged.order.end());
  merged.order.erase(std::unique(merged.order.begin(), merged.order.end()), merged.order.end());
  return merged;
}

LoadPlacement placement_of_members(const LoadPlacement& groups, const std::vector<std::int32_t>& group_of) {
  LoadPlacement placement;
  placement.reserve(group_of.size());
  for (const std::int32_t group : group_of) placement.push_back(groups[at(group)]);
  return placement;
}

}  // namespace mp::partition
