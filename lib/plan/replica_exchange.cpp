#include "lib/plan/replica_exchange.hpp"

#include <algorithm>

namespace mp {
namespace {

// Of what lives on one leader.
struct Held {
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;
  std::int64_t parameters = 0;  // that are trained
  std::int64_t largest = 0;     // of them
};

std::vector<Held> held_by_leaders(const TrainingGraph& training, const Placement& placement, std::size_t devices) {
  const auto bytes_of = [&](TensorId t) { return bytes(training.graph.tensor(t).type); };
  std::vector<Held> held(devices);
  for (const TrainedParameter& trained : training.trained) {
    Held& of = held[index(placement[training.home[trained.parameter]])];
    of.gradients += bytes_of(trained.gradient);
    for (const TensorId state : trained.state) of.optimizer += bytes_of(state);
    of.parameters += bytes_of(trained.parameter);
    of.largest = std::max(of.largest, bytes_of(trained.parameter));
  }
  return held;
}

std::int64_t memory_beyond(const Held& held, std::int32_t zero, std::int64_t members) {
  std::int64_t shared = 0;
  if (zero >= 1) shared += held.optimizer;
  if (zero >= 2) shared += held.gradients;
  if (zero >= 3) shared += held.parameters;
  const std::int64_t at_work = zero >= 3 ? 2 * held.largest : 0;
  return held.gradients / members + at_work - (shared - shared / members);
}

}  // namespace

std::vector<ReplicaExchange> replica_exchanges(const TrainingGraph& training, const ReplicasOf& of,
                                               std::int32_t microbatches, double alone_s, const GroupLinks& links) {
  const std::vector<Held> held = held_by_leaders(training, of.placement, links.cluster().devices.size());
  const std::int64_t rounds = of.zero >= 2 ? microbatches : 1;
  std::vector<ReplicaExchange> exchanges;
  for (const ReplicaGroup& group : of.replicas) {
    const auto members = static_cast<std::int64_t>(group.size());
    const Held& leader = held[index(group.front())];
    const double gradients_s = links.all_reduce_seconds(group, leader.gradients) / 2.0;  // once around
    const double parameters_s = links.all_reduce_seconds(group, leader.parameters) / 2.0;
    const auto times = static_cast<double>(rounds);
    const double fetches_s = of.zero >= 3 ? 2.0 * times * parameters_s : 0.0;
    const double back_s = of.zero >= 3 ? 0.0 : gradients_s;
    const double hidden_s = std::min((times - 1.0) * gradients_s + fetches_s, alone_s);
    const std::int64_t rounds_of_gradients = rounds + (of.zero >= 3 ? 0 : 1);
    const std::int64_t rounds_of_parameters = of.zero >= 3 ? 2 * rounds : 0;
    exchanges.push_back({.seconds = times * gradients_s + fetches_s + back_s - hidden_s,
                         .bytes = (rounds_of_gradients * leader.gradients + rounds_of_parameters * leader.parameters) *
                                  (members - 1) / members,
                         .memory_bytes = memory_beyond(leader, of.zero, members)});
  }
  return exchanges;
}

}  // namespace mp
