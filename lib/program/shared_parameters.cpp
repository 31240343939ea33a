#include "lib/program/shared_parameters.hpp"

#include <algorithm>
#include <utility>

#include "lib/operators/operator.hpp"
#include "lib/program/share_out.hpp"
#include "lib/training/update_nodes.hpp"

namespace mp {
namespace {

// Parameters that forward or backward nodes update in place.
IdVector<TensorId, bool> updated_by_passes(const TrainingGraph& training) {
  IdVector<TensorId, bool> updated(training.graph.tensors().size(), false);
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] == Phase::kUpdate) continue;
    const Node& node = training.graph.node(n);
    for (const InPlace& pair : node.op->in_place) {
      const bool present = pair.output < node.outputs.size() && node.outputs[pair.output] != kNone<TensorId> &&
                           pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId>;
      if (present) updated[node.inputs[pair.input]] = true;
    }
  }
  return updated;
}

// Made by sums of whole tensors out of what the passes make, for this update alone.
bool is_sum_of_passes(const TrainingGraph& training, TensorId gradient) {
  const Graph& graph = training.graph;
  const Tensor& tensor = graph.tensor(gradient);
  if (tensor.producer == kNone<NodeId> || tensor.type.type != DataType::kFloat32) return false;
  if (graph.consumers(gradient).size() != 1) return false;
  if (training.phase[tensor.producer] != Phase::kUpdate) return training.is_accumulated(gradient);
  const Node& node = graph.node(tensor.producer);
  return node.op->name == "Add" && std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId t) {
           return graph.tensor(t).type.shape == tensor.type.shape && is_sum_of_passes(training, t);
         });
}

bool can_share(const TrainingGraph& training, const TrainedParameter& trained, std::int64_t members) {
  const Graph& graph = training.graph;
  const Tensor& tensor = graph.tensor(trained.parameter);
  const std::optional<ParameterShard>& shard = graph.parameters()[static_cast<std::size_t>(tensor.source)].shard;
  return elements(tensor.type.shape) >= members * kShareElements && (!shard || shard->axis == 0) &&
         is_elementwise_update(graph.node(trained.update)) && is_sum_of_passes(training, trained.gradient);
}

// What a group's members would own, at most and on average, if the first `shared` of its candidates had shares.
struct Balance {
  std::size_t shared = 0;
  std::int64_t most = 0;
};

Balance balance_of(const Graph& graph, const std::vector<TensorId>& all, const std::vector<TensorId>& shared,
                   std::int64_t members) {
  std::vector<std::int64_t> owned(static_cast<std::size_t>(members), 0);
  std::vector<std::int64_t> sizes;
  for (const TensorId t : all) {
    const TensorType& type = graph.tensor(t).type;
    if (std::find(shared.begin(), shared.end(), t) == shared.end()) {
      sizes.push_back(bytes(type));
      continue;
    }
    const std::vector<std::int64_t> of_members = share_sizes(elements(type.shape), members);
    for (std::size_t i = 0; i < owned.size(); ++i) owned[i] += of_members[i] * size_of(type.type);
  }
  static_cast<void>(spread(sizes, owned));
  return {.shared = shared.size(), .most = *std::max_element(owned.begin(), owned.end())};
}

// As few as give a balance to 3 %: 0, 1, 2, 4 … are tried.
std::size_t number_to_share(const Graph& graph, const std::vector<TensorId>& all,
                            const std::vector<TensorId>& candidates, std::int64_t members) {
  constexpr std::int64_t kPercent = 103;
  std::int64_t sum = 0;
  for (const TensorId t : all) sum += bytes(graph.tensor(t).type);
  Balance best;
  for (std::size_t n = 0;; n = std::min(candidates.size(), std::max<std::size_t>(1, 2 * n))) {
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(n);
    const Balance balance = balance_of(graph, all, {candidates.begin(), last}, members);
    if (n == 0 || balance.most < best.most) best = balance;
    if (n == candidates.size() || 100 * (balance.most / kPercent) * members <= sum) return best.shared;
  }
}

}  // namespace

IdVector<DeviceId, std::vector<TensorId>> owned_parameters(const TrainingGraph& training, const Placement& placement,
                                                           const Replication& replication) {
  const IdVector<TensorId, bool> is_state = updated_by_passes(training);
  IdVector<TensorId, bool> follows(training.graph.tensors().size(), false);  // optimizer state: its parameter
  for (const TrainedParameter& trained : training.trained) {
    for (const TensorId state : trained.state) follows[state] = true;
  }
  IdVector<DeviceId, std::vector<TensorId>> owned(replication.devices());
  for (const GraphParameter& parameter : training.graph.parameters()) {
    const TensorId t = parameter.tensor;
    const NodeId home = training.home[t];
    const DeviceId leader = home == kNone<NodeId> ? DeviceId{0} : placement[home];
    if (is_state[t] || follows[t] || replication.size(leader) == 1) continue;
    owned[leader].push_back(t);
  }
  return owned;
}

std::vector<std::size_t> parameters_to_share(const TrainingGraph& training, const Placement& placement,
                                             const Replication& replication) {
  const Graph& graph = training.graph;
  IdVector<DeviceId, std::vector<std::pair<std::int64_t, std::size_t>>> candidates(replication.devices());
  for (std::size_t i = 0; i < training.trained.size(); ++i) {
    const TrainedParameter& trained = training.trained[i];
    const DeviceId leader = placement[training.home[trained.parameter]];
    const std::int32_t members = replication.size(leader);
    if (members == 1 || !can_share(training, trained, members)) continue;
    candidates[leader].emplace_back(-bytes(graph.tensor(trained.parameter).type), i);
  }
  const IdVector<DeviceId, std::vector<TensorId>> owned = owned_parameters(training, placement, replication);
  std::vector<std::size_t> chosen;
  for (const DeviceId leader : ids<DeviceId>(candidates.size())) {
    if (candidates[leader].empty()) continue;
    std::sort(candidates[leader].begin(), candidates[leader].end());  // largest first
    std::vector<TensorId> parameters;
    for (const auto& [unused, i] : candidates[leader]) parameters.push_back(training.trained[i].parameter);
    const std::size_t n = number_to_share(graph, owned[leader], parameters, replication.size(leader));
    for (std::size_t i = 0; i < n; ++i) chosen.push_back(candidates[leader][i].second);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace mp
