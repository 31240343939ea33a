#include "lib/plan/check_parallelism.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/text.hpp"

namespace mp {
namespace {

constexpr std::size_t kNoGroup = static_cast<std::size_t>(-1);

// The group of every device, kNoGroup where it is in none.
std::vector<std::size_t> groups_of_devices(const Plan& plan, IssueList& issues) {
  std::vector<std::size_t> group_of(plan.cluster.devices.size(), kNoGroup);
  for (std::size_t g = 0; g < plan.replicas.size(); ++g) {
    if (plan.replicas[g].empty()) {
      issues.add(fmt::format("/replicas/{}", g), [] { return "a group has at least one device, its leader first"; });
    }
    for (std::size_t member = 0; member < plan.replicas[g].size(); ++member) {
      const DeviceId device = plan.replicas[g][member];
      const std::string place = fmt::format("/replicas/{}/{}", g, member);
      if (!plan.cluster.devices.contains(device)) {
        issues.add(place, [&] {
          return fmt::format("there is no device {}: the cluster has {}, numbered from 0", static_cast<int>(device),
                             plan.cluster.devices.size());
        });
      } else if (group_of[index(device)] != kNoGroup) {
        issues.add(place, [&] {
          return fmt::format("device {} is in group {} already; a device works in one group", index(device),
                             group_of[index(device)]);
        });
      } else {
        group_of[index(device)] = g;
      }
    }
  }
  return group_of;
}

}  // namespace

void check_replicas(const Plan& plan, IssueList& issues) {
  if (plan.replicas.empty()) return;
  const std::vector<std::size_t> group_of = groups_of_devices(plan, issues);
  for (const auto& [node, device] : plan.assignment) {
    if (!plan.cluster.devices.contains(device) || group_of[index(device)] == kNoGroup) continue;
    const DeviceId leader = plan.replicas[group_of[index(device)]].front();
    if (leader == device) continue;
    issues.add("/assignment/" + pointer_part(node), [&, d = device] {
      return fmt::format("is on device {}, which works for device {}: name the leader of the group, {}", index(d),
                         index(leader), index(leader));
    });
  }
}

void check_recompute(const Plan& plan, const Graph& graph, IssueList& issues) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < plan.recompute.size(); ++i) {
    const std::string& name = plan.recompute[i];
    const std::string place = fmt::format("/recompute/{}", i);
    if (!graph.find_node(name)) {
      issues.add(place, [&] {
        std::vector<std::string_view> names;
        for (const Node& known : graph.nodes()) names.push_back(known.name);
        return "the model has no node " + quoted(name) + did_you_mean(name, names);
      });
    } else if (!seen.insert(name).second) {
      issues.add(place, [&] { return quoted(name) + " comes twice"; });
    }
  }
}

void check_stages(const Plan& plan, const Graph& graph, IssueList& issues) {
  const auto devices = static_cast<std::int64_t>(plan.cluster.devices.size());
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const PlanStage& stage = plan.stages[s];
    const std::int64_t end = static_cast<std::int64_t>(index(stage.first_device)) +
                             std::int64_t{stage.data_parallel} * stage.tensor_parallel;
    if (end > devices) {
      issues.add(fmt::format("/stages/{}", s), [&] {
        return fmt::format("ends at device {}: the cluster has {}, numbered from 0", end - 1, devices);
      });
    }
    for (const PlanStage::Choice& choice : stage.choices) {
      for (const std::string& node : choice.nodes) {
        if (stage.tensor_parallel == 1 || !graph.find_node(node)) continue;
        issues.add(fmt::format("/stages/{}/tensor_parallel", s), [&] {
          return fmt::format(
              "{} would be split over {} devices as its option {} says, which is for models that have such an option, "
              "measured costs and no loss to train by: split nodes with mpplan partition --split",
              quoted(node), stage.tensor_parallel, quoted(choice.option));
        });
        return;
      }
    }
  }
}

}  // namespace mp
