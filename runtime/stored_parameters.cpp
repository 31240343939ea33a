#include "runtime/stored_parameters.hpp"

#include <cstring>
#include <map>
#include <set>

#include "lib/base/bfloat16.hpp"
#include "lib/training/update_nodes.hpp"

namespace mp::runtime {
namespace {

std::vector<std::byte> rounded(std::span<const std::byte> values) {
  std::vector<std::byte> result(values.size() / 2);
  for (std::size_t i = 0; i < result.size() / sizeof(std::uint16_t); ++i) {
    float value = 0.0F;
    std::memcpy(&value, values.data() + i * sizeof(float), sizeof(float));
    const std::uint16_t half = to_bfloat16(value);
    std::memcpy(result.data() + i * sizeof(half), &half, sizeof(half));
  }
  return result;
}

}  // namespace

std::vector<StoredParameter> stored_parameters(const TrainingGraph& training, Stored which) {
  const Graph& graph = training.graph;
  std::map<TensorId, TensorId> master;
  std::set<TensorId> optimizer_state;
  for (const TrainedParameter& trained : training.trained) {
    optimizer_state.insert(trained.state.begin(), trained.state.end());
    if (const TensorId own = master_of(graph, trained); own != kNone<TensorId>) master.emplace(trained.parameter, own);
  }
  std::vector<StoredParameter> stored;
  std::vector<StoredParameter> of_optimizer;
  std::set<TensorId> masters;
  for (const auto& [parameter, own] : master) masters.insert(own);
  for (const GraphParameter& parameter : graph.parameters()) {
    const TensorId t = parameter.tensor;
    const Tensor& tensor = graph.tensor(t);
    if (masters.contains(t)) continue;
    const auto own = master.find(t);
    if (own != master.end()) {
      stored.push_back({tensor.name, graph.tensor(own->second).type, own->second, t});
    } else {
      (optimizer_state.contains(t) ? of_optimizer : stored).push_back({tensor.name, tensor.type, t, kNone<TensorId>});
    }
  }
  if (which == Stored::kModelAndOptimizer) stored.insert(stored.end(), of_optimizer.begin(), of_optimizer.end());
  return stored;
}

void write_parameter(Executor& executor, const StoredParameter& parameter, DataType type,
                     std::span<const std::byte> values) {
  if (type == parameter.type.type) {
    executor.write(parameter.tensor, values);
  } else {
    executor.write(parameter.tensor, rounded(values));
  }
  if (parameter.rounded != kNone<TensorId>) executor.write(parameter.rounded, rounded(values));
}

void receive_parameter(Executor& executor, const StoredParameter& parameter) {
  executor.write(parameter.tensor, {});
  if (parameter.rounded != kNone<TensorId>) executor.write(parameter.rounded, {});
}

}  // namespace mp::runtime
