#include "partition/search/pipeline_estimate.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/check.hpp"
#include "partition/search/chain_split.hpp"

namespace mp::partition {
namespace {

// What is known of a stage's devices before the chain is split.
struct StageDevices {
  std::vector<std::int32_t> types;  // of its members, each once
  std::int64_t memory_bytes = 0;    // of the smallest; 0: not limited
  Link from_before;                 // slowest from the stage before, member to member
  Link among;                       // slowest among the members
};

Link slower(const Link& a, const Link& b) {
  return {.latency_s = std::max(a.latency_s, b.latency_s),
          .bandwidth_bytes_per_s = std::min(a.bandwidth_bytes_per_s, b.bandwidth_bytes_per_s)};
}

constexpr Link kNoWay{.latency_s = 0.0, .bandwidth_bytes_per_s = std::numeric_limits<double>::infinity()};

// Microbatch m goes from member m mod (members before) to member m mod (members here).
Link link_between(const Cluster& cluster, const ReplicaGroup& before, const ReplicaGroup& here) {
  Link slowest = kNoWay;
  for (std::size_t i = 0; i < std::max(before.size(), here.size()); ++i) {
    const DeviceId from = before[i % before.size()];
    const DeviceId to = here[i % here.size()];
    if (from != to) slowest = slower(slowest, slower(cluster.link(from, to), cluster.link(to, from)));
  }
  return slowest;
}

StageDevices devices_of(const Cluster& cluster, const PipelineForm& form, std::size_t stage) {
  const ReplicaGroup& group = form.stages[stage];
  StageDevices devices{.types = {}, .memory_bytes = 0, .from_before = kNoWay, .among = kNoWay};
  for (std::size_t i = 0; i < group.size(); ++i) {
    devices.types.push_back(cluster.devices[group[i]].type);
    const std::int64_t memory = cluster.type_of(group[i]).memory_bytes;
    if (memory > 0 && (devices.memory_bytes == 0 || memory < devices.memory_bytes)) devices.memory_bytes = memory;
    if (i > 0) devices.among = slower(devices.among, cluster.link(group[i - 1], group[i]));
  }
  std::sort(devices.types.begin(), devices.types.end());
  devices.types.erase(std::unique(devices.types.begin(), devices.types.end()), devices.types.end());
  if (stage > 0) devices.from_before = link_between(cluster, form.stages[stage - 1], group);
  return devices;
}

std::int64_t share_of(std::int64_t bytes, std::size_t members) {
  return (bytes + static_cast<std::int64_t>(members) - 1) / static_cast<std::int64_t>(members);
}

class Estimator {
 public:
  Estimator(const ModelChain& chain, const Cluster& cluster, const std::vector<std::size_t>& places,
            const PipelineForm& form, const EstimateOptions& options)
      : chain_(chain), cluster_(cluster), places_(places), form_(form), options_(options) {
    for (std::size_t s = 0; s < form.stages.size(); ++s) stages_.push_back(devices_of(cluster, form, s));
  }

  [[nodiscard]] std::optional<PipelineEstimate> run() const {
    std::size_t fewest = form_.stages.front().size();
    for (const ReplicaGroup& group : form_.stages) fewest = std::min(fewest, group.size());
    const auto per_member =
        (form_.microbatches + static_cast<std::int64_t>(fewest) - 1) / static_cast<std::int64_t>(fewest);
    const SplitProblem problem{
        .places = places_.size(), .stages = stages_.size(), .microbatches = per_member, .step = options_.cycle_step};
    const std::optional<ChainSplit> split =
        split_chain(problem, [this](std::size_t from, std::size_t to, std::size_t right, double bound) {
          return stage(places_[from], places_[to], stages_.size() - 1 - right, bound);
        });
    if (!split) return std::nullopt;
    PipelineEstimate estimate;
    for (const std::size_t cut : split->cuts) estimate.cuts.push_back(places_[cut]);
    estimate.time_s = split->time_s + end_of_step(estimate.cuts);
    return estimate;
  }

 private:
  // Passes on the slowest member.
  [[nodiscard]] StageSeconds slowest(std::size_t from, std::size_t to, std::size_t s) const {
    StageSeconds seconds = chain_.seconds(from, to, stages_[s].types.front());
    for (const std::int32_t type : stages_[s].types) {
      const StageSeconds other = chain_.seconds(from, to, type);
      if (other.pass_s() > seconds.pass_s()) seconds = other;
    }
    if (form_.recompute) seconds.backward_s += seconds.forward_s;
    return seconds;
  }

  [[nodiscard]] bool fits(std::size_t from, std::size_t to, std::size_t s) const {
    if (stages_[s].memory_bytes == 0) return true;
    const auto limit = static_cast<double>(stages_[s].memory_bytes) * options_.memory_share;
    return static_cast<double>(stage_memory_bytes(chain_, form_, from, to, stages_.size() - 1 - s)) <= limit;
  }

  [[nodiscard]] std::optional<StageTimes> stage(std::size_t from, std::size_t to, std::size_t s, double bound) const {
    const StageSeconds seconds = slowest(from, to, s);
    if (seconds.pass_s() >= bound || !fits(from, to, s)) return std::nullopt;
    const ModelChain::Pinned pinned = chain_.pinned(from, to);
    if (pinned.clash || (pinned.device && *pinned.device != form_.stages[s].front())) {
      return StageTimes{.cycle_s = std::numeric_limits<double>::infinity(), .pass_s = 0.0, .transfer_s = 0.0};
    }
    const CutBytes& cut = chain_.cut(from);
    const Link& link = stages_[s].from_before;
    const double forward_s =
        cut.forward_messages * link.latency_s + static_cast<double>(cut.forward) / link.bandwidth_bytes_per_s;
    const double backward_s =
        cut.backward_messages * link.latency_s + static_cast<double>(cut.backward) / link.bandwidth_bytes_per_s;
    return StageTimes{.cycle_s = std::max({seconds.pass_s(), forward_s, backward_s}),
                      .pass_s = seconds.pass_s(),
                      .transfer_s = forward_s + backward_s};
  }

  // Gradients summed over the members and new values given back, each byte twice over the slowest link as in a ring
  // all-reduce (Patarasuk & Yuan, JPDC 2009), shared parameters sent, and the slowest update.
  [[nodiscard]] double end_of_step(const std::vector<std::size_t>& cuts) const {
    double longest_s = 0.0;
    double shared_s = 0.0;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const auto members = static_cast<double>(form_.stages[s].size());
      const auto gradients = static_cast<double>(chain_.bytes(cuts[s], cuts[s + 1]).gradients);
      const double exchange_s = 2.0 * gradients * (members - 1.0) / members / stages_[s].among.bandwidth_bytes_per_s;
      const double update_s = slowest(cuts[s], cuts[s + 1], s).update_s / (form_.zero > 0 ? members : 1.0);
      longest_s = std::max(longest_s, exchange_s + update_s);
      if (s > 0) {
        const auto once = static_cast<double>(chain_.cut(cuts[s]).once);
        shared_s = std::max(shared_s, once / stages_[s].from_before.bandwidth_bytes_per_s);
      }
    }
    return longest_s + shared_s;
  }

  const ModelChain& chain_;
  const Cluster& cluster_;
  const std::vector<std::size_t>& places_;
  const PipelineForm& form_;
  const EstimateOptions& options_;
  std::vector<StageDevices> stages_;
};

}  // namespace

std::int64_t stage_memory_bytes(const ModelChain& chain, const PipelineForm& form, std::size_t from, std::size_t to,
                                std::size_t right) {
  const std::size_t members = form.stages[form.stages.size() - 1 - right].size();
  const StageBytes bytes = chain.bytes(from, to);
  const std::int64_t own = share_of(form.microbatches, members);
  const std::int64_t alive =
      form.keep_all_alive ? own : std::min<std::int64_t>(own, static_cast<std::int64_t>(right) + 1);
  const std::int64_t optimizer = form.zero >= 1 ? share_of(bytes.optimizer, members) : bytes.optimizer;
  const std::int64_t received = from == 0 ? 0 : chain.cut(from).forward;
  const std::int64_t kept = form.recompute ? received : received + bytes.activations;
  const std::int64_t made_again = form.recompute ? bytes.activations : 0;
  return bytes.parameters + optimizer + bytes.gradients + alive * kept + made_again + bytes.working;
}

std::optional<PipelineEstimate> estimate_pipeline(const ModelChain& chain, const Cluster& cluster,
                                                  const std::vector<std::size_t>& places, const PipelineForm& form,
                                                  const EstimateOptions& options) {
  MP_CHECK(!form.stages.empty() && places.size() >= 2);
  return Estimator(chain, cluster, places, form, options).run();
}

}  // namespace mp::partition
