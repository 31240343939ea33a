#include "lib/costs/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/costs/signature.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

Link mean_link(const Profile& profile) {
  const auto devices = static_cast<std::size_t>(profile.measured.devices);
  Link mean;
  double pairs = 0.0;
  double seconds_per_byte = 0.0;
  for (std::size_t i = 0; i < profile.links.size(); ++i) {
    if (i / devices == i % devices) continue;
    mean.latency_s += profile.links[i].latency_s;
    seconds_per_byte += 1.0 / profile.links[i].bandwidth_bytes_per_s;
    pairs += 1.0;
  }
  if (pairs == 0.0) return uniform_cluster(1).within_host;  // one device: never used
  mean.latency_s /= pairs;
  mean.bandwidth_bytes_per_s = pairs / seconds_per_byte;
  return mean;
}

// Linear in the number of devices, as measured times are.
double step_overhead_s(const Profile& profile, std::size_t devices) {
  if (devices <= 1 || profile.measured.devices <= 1) return profile.step_overhead_s;
  const double more_s = profile.step_overhead_crowded_s - profile.step_overhead_s;
  const double each_s = more_s / (profile.measured.devices - 1);
  return std::max(0.0, profile.step_overhead_s + each_s * static_cast<double>(devices - 1));
}

void require_one_machine(const Cluster& cluster) {
  const ClusterDevice& first = cluster.devices[DeviceId{0}];
  for (const ClusterDevice& device : cluster.devices) {
    if (device.type != first.type || device.host != first.host) {
      throw InputError(cluster.name.empty() ? "<cluster>" : cluster.name,
                       Issue{"/devices", fmt::format("a profile is of equal devices on one host; {} and {} differ in "
                                                     "type or host: plan them by the cluster file alone",
                                                     quoted(first.name), quoted(device.name))});
    }
  }
}

// Has a time of its own that only a measurement or the roofline knows.
bool is_priced(const Node& node) { return !node.cost && !node.op->is_view; }

// Compiling a plan adds the nodes that clip, so the training graph has none of them.
std::string unmeasured_norms(const TrainingGraph& training, const Profile& profile, const std::string& profile_path) {
  if (training.clip_norm == 0.0 || profile.measured.times.contains(gradient_norms_signature())) return {};
  return fmt::format(
      "the norms of gradients are not in {}: the roofline stands in for them; measure them with "
      "mprun profile --clip-norm {:g}",
      profile_path, training.clip_norm);
}

std::string bindings_text(const Bindings& bindings) {
  std::string text;
  for (const auto& [name, extent] : bindings) text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, extent);
  return text;
}

}  // namespace

Cluster profiled_cluster(const Cluster& cluster, const Profile& profile) {
  require_one_machine(cluster);
  Cluster result = cluster;
  for (DeviceType& type : result.types) {
    DeviceType measured = profile.device;
    measured.name = type.name;
    measured.memory_bytes = type.memory_bytes;
    measured.measured = std::make_shared<const MeasuredTimes>(profile.measured);
    type = std::move(measured);
  }
  const Link mean = mean_link(profile);
  result.within_host = mean;
  result.between_hosts = mean;
  result.between_groups.clear();
  result.shared = {};
  result.transfer_by = profile.transfer_by;
  result.step_overhead_s = step_overhead_s(profile, cluster.devices.size());
  const bool is_same_size = static_cast<std::int64_t>(cluster.devices.size()) == profile.measured.devices;
  result.matrix = is_same_size && cluster.devices.size() > 1 ? profile.links : std::vector<Link>{};
  if (!result.matrix.empty()) result.within_host = result.between_hosts = {};
  return result;
}

Cluster without_measured_times(Cluster cluster) {
  for (DeviceType& type : cluster.types) type.measured.reset();
  return cluster;
}

std::vector<NodeId> unmeasured_nodes(const TrainingGraph& training, const Profile& profile) {
  std::vector<NodeId> missing;
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (!is_priced(training.graph.node(n))) continue;
    if (!profile.measured.times.contains(signature(training.graph, n))) missing.push_back(n);
  }
  return missing;
}

std::string profile_gaps(const TrainingGraph& training, const Profile& profile, const std::string& profile_path) {
  constexpr std::size_t kShown = 3;
  const Graph& graph = training.graph;
  const std::vector<NodeId> missing = unmeasured_nodes(training, profile);
  const std::string norms = unmeasured_norms(training, profile, profile_path);
  if (missing.empty()) return norms;
  const std::string was =
      fmt::format("measured for a microbatch of {} ({})", quoted(profile.model_name), bindings_text(profile.bindings));
  const auto of_microbatch = [&](NodeId n) {
    return training.phase[n] != Phase::kUpdate && is_priced(graph.node(n)) && cost_of(graph, n).flops > 0.0;
  };
  const auto all = ids<NodeId>(graph.nodes().size());
  const auto computing = std::count_if(all.begin(), all.end(), of_microbatch);
  if (computing > 0 && std::count_if(missing.begin(), missing.end(), of_microbatch) == computing) {
    throw InputError(profile_path, Issue{"/nodes", fmt::format("none of the {} nodes that compute was measured: the "
                                                               "profile was {}; measure this one: mprun profile with "
                                                               "the same --bind and --microbatches",
                                                               computing, was)});
  }
  std::set<std::string> shown;
  for (const NodeId n : missing) {
    if (shown.size() < kShown) shown.insert(signature(graph, n));
  }
  const auto priced = std::count_if(graph.nodes().begin(), graph.nodes().end(), is_priced);
  return fmt::format("{} of {} nodes are not in {}, which was {}; the roofline stands in for them: {}{}",
                     missing.size(), priced, profile_path, was, fmt::join(shown, "; "),
                     missing.size() > shown.size() ? "; …" : "") +
         (norms.empty() ? "" : "\n" + norms);
}

}  // namespace mp
