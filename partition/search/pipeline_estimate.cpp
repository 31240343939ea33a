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
};

StageDevices devices_of(const GroupLinks& links, const PipelineForm& form, std::size_t stage) {
  const ReplicaGroup& group = form.of_stage(stage);
  StageDevices devices;
  for (const DeviceId d : group) {
    devices.types.push_back(links.cluster().devices[d].type);
    const std::int64_t memory = links.cluster().type_of(d).memory_bytes;
    if (memory > 0 && (devices.memory_bytes == 0 || memory < devices.memory_bytes)) devices.memory_bytes = memory;
  }
  std::sort(devices.types.begin(), devices.types.end());
  devices.types.erase(std::unique(devices.types.begin(), devices.types.end()), devices.types.end());
  devices.from_before = links.between(form.of_stage(stage > 0 ? stage - 1 : 0), group);
  return devices;
}

std::int64_t share_of(std::int64_t bytes, std::size_t members) {
  return (bytes + static_cast<std::int64_t>(members) - 1) / static_cast<std::int64_t>(members);
}

struct Activations {
  std::int64_t kept = 0;        // of each microbatch that is alive
  std::int64_t made_again = 0;  // of the one whose backward pass runs
};

// Blocks are as nodes_to_recompute() makes them: so many that what crosses their borders (about what crosses the border
// of the stage) and one block are least together.
Activations activations_of(RecomputePattern pattern, std::int64_t all, std::int64_t received, std::int64_t border,
                           std::size_t units) {
  switch (pattern) {
    case RecomputePattern::kNone:
      return {.kept = received + all, .made_again = 0};
    case RecomputePattern::kAll:
      return {.kept = received, .made_again = all};
    case RecomputePattern::kBlocks:
      break;
  }
  const double most = std::max(1.0, std::min(64.0, static_cast<double>(units)));
  const double crossing = border > 0 ? static_cast<double>(border) : std::max(1.0, static_cast<double>(all) / most);
  const double blocks = std::clamp(std::round(std::sqrt(static_cast<double>(all) / crossing)), 1.0, most);
  return {.kept = received + static_cast<std::int64_t>((blocks - 1.0) * crossing),
          .made_again = static_cast<std::int64_t>(static_cast<double>(all) / blocks)};
}

// A device with v of p · v stages turns to the backward pass of a microbatch while others are still on their way: Σ of
// its cycles is m · v, and it waits for p − 1 cycles of one stage (Narayanan et al., SC 2021, section 2.2):
//   way + cycles · cycle = p · v · cycle + cycles · cycle = (m · v + p − 1) · cycle.
double cycles_of(const PipelineForm& form) {
  const auto p = static_cast<double>(form.devices.size());
  const auto v = static_cast<double>(form.chunks);
  return static_cast<double>(form.microbatches_of_member() - 1) * v - (p - 1.0) * (v - 1.0);
}

// Microbatches that stage `s` keeps for its backward pass: with several chunks a device's average over them.
std::int64_t alive_at(const PipelineForm& form, std::size_t s) {
  const auto p = static_cast<std::int64_t>(form.devices.size());
  const std::int64_t v = form.chunks;
  const std::int64_t r = static_cast<std::int64_t>(s) % p;
  const std::int64_t tasks = v == 1 ? p - r : (v - 1) * p + 2 * (p - 1 - r) + 1;
  const std::int64_t alive = std::min(form.microbatches_of_member(), (tasks + v - 1) / v);
  return form.alive_limit > 0 ? std::min<std::int64_t>(alive, form.alive_limit) : alive;
}

class Estimator {
 public:
  Estimator(const ModelChain& chain, const GroupLinks& links, const std::vector<std::size_t>& places,
            const PipelineForm& form, const EstimateOptions& options)
      : chain_(chain), links_(links), places_(places), form_(form), options_(options) {
    for (std::size_t s = 0; s < form.stages(); ++s) stages_.push_back(devices_of(links, form, s));
  }

  [[nodiscard]] std::optional<PipelineEstimate> run() const {
    const SplitProblem problem{.places = places_.size(),
                               .stages = stages_.size(),
                               .microbatches = form_.microbatches_of_member(),
                               .cycles = cycles_of(form_),
                               .most_alive = form_.alive_limit,
                               .step = options_.cycle_step};
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
  // A stage with more members than the narrowest takes less than one of its passes for each of that one's.
  [[nodiscard]] double share_of_cycle(std::size_t s) const {
    return static_cast<double>(form_.fewest_members()) / static_cast<double>(form_.of_stage(s).size());
  }

  // From ZeRO 2 on a member sends the gradients that others own in every microbatch; under ZeRO 3 it fetches their
  // parameters for the forward and for the backward pass; both while it computes.
  [[nodiscard]] double exchange_seconds(std::size_t from, std::size_t to, std::size_t s) const {
    const auto members = static_cast<double>(form_.of_stage(s).size());
    if (form_.zero < 2 || members < 2.0) return 0.0;
    const StageBytes bytes = chain_.bytes(from, to);
    const double fetched = form_.zero >= 3 ? 2.0 * static_cast<double>(bytes.parameters) : 0.0;
    return (static_cast<double>(bytes.gradients) + fetched) * (members - 1.0) / members /
           links_.around(form_.of_stage(s)).bandwidth_bytes_per_s;
  }

  // Passes on the slowest member.
  [[nodiscard]] StageSeconds slowest(std::size_t from, std::size_t to, std::size_t s) const {
    StageSeconds seconds = chain_.seconds(from, to, stages_[s].types.front());
    for (const std::int32_t type : stages_[s].types) {
      const StageSeconds other = chain_.seconds(from, to, type);
      if (other.pass_s() > seconds.pass_s()) seconds = other;
    }
    if (form_.recompute != RecomputePattern::kNone) seconds.backward_s += seconds.forward_s;
    return seconds;
  }

  [[nodiscard]] bool fits(std::size_t from, std::size_t to, std::size_t s) const {
    if (stages_[s].memory_bytes == 0) return true;
    const auto limit = static_cast<double>(stages_[s].memory_bytes) * options_.memory_share;
    return static_cast<double>(stage_memory_bytes(chain_, form_, from, to, s)) <= limit;
  }

  [[nodiscard]] std::optional<StageTimes> stage(std::size_t from, std::size_t to, std::size_t s, double bound) const {
    const StageSeconds seconds = slowest(from, to, s);
    if (seconds.pass_s() * share_of_cycle(s) >= bound || !fits(from, to, s)) return std::nullopt;
    const ModelChain::Pinned pinned = chain_.pinned(from, to);
    if (pinned.clash || (pinned.device && *pinned.device != form_.of_stage(s).front())) {
      return StageTimes{.cycle_s = std::numeric_limits<double>::infinity(), .pass_s = 0.0, .transfer_s = 0.0};
    }
    const CutBytes& cut = chain_.cut(from);
    const Link& link = stages_[s].from_before;
    const double forward_s =
        cut.forward_messages * link.latency_s + static_cast<double>(cut.forward) / link.bandwidth_bytes_per_s;
    const double backward_s =
        cut.backward_messages * link.latency_s + static_cast<double>(cut.backward) / link.bandwidth_bytes_per_s;
    const double work_s = std::max(seconds.pass_s(), exchange_seconds(from, to, s)) * share_of_cycle(s);
    return StageTimes{.cycle_s = std::max({work_s, forward_s, backward_s}),
                      .pass_s = seconds.pass_s(),
                      .transfer_s = forward_s + backward_s};
  }

  // What is left behind the last pass: gradients summed over the members and sums or new values sent back (one of both
  // under ZeRO 2, none under 3), shared parameters sent, and the slowest update.
  [[nodiscard]] double end_of_step(const std::vector<std::size_t>& cuts) const {
    double longest_s = 0.0;
    double shared_s = 0.0;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const auto members = static_cast<double>(form_.of_stage(s).size());
      const double all_s = links_.all_reduce_seconds(form_.of_stage(s), chain_.bytes(cuts[s], cuts[s + 1]).gradients);
      const double exchange_s = form_.zero < 2 ? all_s : form_.zero == 2 ? all_s / 2.0 : 0.0;
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
  const GroupLinks& links_;
  const std::vector<std::size_t>& places_;
  const PipelineForm& form_;
  const EstimateOptions& options_;
  std::vector<StageDevices> stages_;
};

}  // namespace

std::size_t PipelineForm::fewest_members() const {
  std::size_t fewest = devices.front().size();
  for (const ReplicaGroup& group : devices) fewest = std::min(fewest, group.size());
  return fewest;
}

std::int64_t PipelineForm::microbatches_of_member() const { return share_of(microbatches, fewest_members()); }

std::int64_t stage_memory_bytes(const ModelChain& chain, const PipelineForm& form, std::size_t from, std::size_t to,
                                std::size_t s) {
  const std::size_t members = form.of_stage(s).size();
  const StageBytes bytes = chain.bytes(from, to);
  const std::int64_t optimizer = form.zero >= 1 ? share_of(bytes.optimizer, members) : bytes.optimizer;
  const std::int64_t received = from == 0 ? 0 : chain.cut(from).forward;
  const Activations held = activations_of(form.recompute, bytes.activations, received,
                                          from == 0 ? chain.cut(to).forward : received, to - from);
  const std::int64_t parameters = form.zero >= 3 ? share_of(bytes.parameters, members) : bytes.parameters;
  const std::int64_t gradients = form.zero >= 2 ? share_of(bytes.gradients, members) : bytes.gradients;
  const std::int64_t of_stage = parameters + optimizer + gradients + alive_at(form, s) * held.kept;
  return form.chunks * of_stage + held.made_again + bytes.working;
}

double least_pipeline_seconds(const ModelChain& chain, const Cluster& cluster, const PipelineForm& form) {
  double least_s = std::numeric_limits<double>::infinity();
  for (std::size_t t = 0; t < cluster.types.size(); ++t) {
    StageSeconds seconds = chain.seconds(0, chain.size(), static_cast<std::int32_t>(t));
    if (form.recompute != RecomputePattern::kNone) seconds.backward_s += seconds.forward_s;
    least_s = std::min(least_s, seconds.pass_s());
  }
  std::size_t members = 0;
  for (const ReplicaGroup& group : form.devices) members += group.size();
  const double stages_alike = static_cast<double>(members * static_cast<std::size_t>(form.chunks)) /
                              static_cast<double>(form.fewest_members());  // as wide as the narrowest
  return least_s * (1.0 + cycles_of(form) / stages_alike);
}

std::optional<PipelineEstimate> estimate_pipeline(const ModelChain& chain, const GroupLinks& links,
                                                  const std::vector<std::size_t>& places, const PipelineForm& form,
                                                  const EstimateOptions& options) {
  MP_CHECK(!form.devices.empty() && cycles_of(form) >= 0.0 && places.size() >= 2);
  return Estimator(chain, links, places, form, options).run();
}

}  // namespace mp::partition
