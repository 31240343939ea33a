#include "runtime/stored_parameters.hpp"

#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "lib/base/bfloat16.hpp"
#include "lib/graph/shard_parameters.hpp"
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

// A tensor of the program under the name and shape it has in files.
struct Found {
  std::string name;
  TensorType type;
  StoredPart part;
};

// Tensors under one name make up one: shards, and what the optimizer keeps of them.
std::vector<StoredParameter> put_together(std::vector<Found> found) {
  std::vector<StoredParameter> stored;
  std::map<std::string, std::size_t> place;
  for (Found& f : found) {
    const auto [at, is_new] = place.emplace(f.name, stored.size());
    if (is_new) stored.push_back({std::move(f.name), std::move(f.type), {}});
    stored[at->second].parts.push_back(std::move(f.part));
  }
  return stored;
}

// Of shards and of what the optimizer keeps of them: the shard.
struct ShardedTensor {
  const ParameterShard* shard = nullptr;
  std::string name;  // of the whole tensor
};

std::map<TensorId, ShardedTensor> sharded_tensors(const TrainingGraph& training) {
  const Graph& graph = training.graph;
  std::map<TensorId, ShardedTensor> sharded;
  for (const GraphParameter& parameter : graph.parameters()) {
    if (parameter.shard) sharded[parameter.tensor] = {&*parameter.shard, parameter.shard->of};
  }
  for (const TrainedParameter& trained : training.trained) {
    const auto of = sharded.find(trained.parameter);
    if (of == sharded.end()) continue;
    const std::size_t length = graph.tensor(trained.parameter).name.size();
    for (const TensorId state : trained.state) {
      // "<shard>.adam.m" is a part of "<whole>.adam.m".
      sharded[state] = {of->second.shard, of->second.shard->of + graph.tensor(state).name.substr(length)};
    }
  }
  return sharded;
}

// Copies the shard's values between the whole's bytes and its own.
template <class Copy>
void for_each_run(const ParameterShard& shard, const TensorType& part, const Copy& copy) {
  const ShardRuns runs = runs_of(shard, part.shape);
  const auto size = static_cast<std::size_t>(size_of(part.type));
  const std::size_t length = static_cast<std::size_t>(runs.length) * size;
  for (std::int64_t i = 0; i < runs.count; ++i) {
    copy(static_cast<std::size_t>(runs.begin + i * runs.stride) * size, static_cast<std::size_t>(i) * length, length);
  }
}

std::vector<std::byte> cut_out(std::span<const std::byte> whole, const ParameterShard& shard, const TensorType& part) {
  std::vector<std::byte> values(static_cast<std::size_t>(bytes(part)));
  for_each_run(shard, part, [&](std::size_t in_whole, std::size_t in_part, std::size_t length) {
    std::memcpy(values.data() + in_part, whole.data() + in_whole, length);
  });
  return values;
}

template <class Read>
void read_parts(Executor& executor, const StoredParameter& parameter, std::span<std::byte> values, const Read& read) {
  const Graph& graph = executor.program().training.graph;
  for (const StoredPart& part : parameter.parts) {
    if (!part.shard || values.empty()) {
      read(part.tensor, values);
      continue;
    }
    const TensorType& type = graph.tensor(part.tensor).type;
    std::vector<std::byte> own(static_cast<std::size_t>(bytes(type)));
    read(part.tensor, std::span<std::byte>(own));
    for_each_run(*part.shard, type, [&](std::size_t in_whole, std::size_t in_part, std::size_t length) {
      std::memcpy(values.data() + in_whole, own.data() + in_part, length);
    });
  }
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
  const std::map<TensorId, ShardedTensor> sharded = sharded_tensors(training);
  const auto found_as = [&](TensorId named, TensorId tensor, TensorId rounded) {
    TensorType type = graph.tensor(tensor).type;
    const auto whole = sharded.find(named);
    if (whole == sharded.end()) return Found{graph.tensor(named).name, std::move(type), {tensor, rounded, {}}};
    type.shape = whole->second.shard->whole;
    return Found{whole->second.name, std::move(type), {tensor, rounded, *whole->second.shard}};
  };
  std::vector<Found> stored;
  std::vector<Found> of_optimizer;
  std::set<TensorId> masters;
  for (const auto& [parameter, own] : master) masters.insert(own);
  for (const GraphParameter& parameter : graph.parameters()) {
    const TensorId t = parameter.tensor;
    if (masters.contains(t) || training.shares.contains(t))
      continue;  // stored with what it is a copy of, as its shares
    const auto own = master.find(t);
    if (own != master.end()) {
      stored.push_back(found_as(t, own->second, t));
    } else {
      (optimizer_state.contains(t) ? of_optimizer : stored).push_back(found_as(t, t, kNone<TensorId>));
    }
  }
  if (which == Stored::kModelAndOptimizer) stored.insert(stored.end(), of_optimizer.begin(), of_optimizer.end());
  return put_together(std::move(stored));
}

void read_parameter(Executor& executor, const StoredParameter& parameter, std::span<std::byte> values) {
  read_parts(executor, parameter, values, [&](TensorId t, std::span<std::byte> to) { executor.read(t, to); });
}

void read_parameter_on_first(Executor& executor, const StoredParameter& parameter, std::span<std::byte> values) {
  read_parts(executor, parameter, values, [&](TensorId t, std::span<std::byte> to) { executor.read_on_first(t, to); });
}

void write_parameter(Executor& executor, const StoredParameter& parameter, DataType type,
                     std::span<const std::byte> values) {
  const Graph& graph = executor.program().training.graph;
  for (const StoredPart& part : parameter.parts) {
    std::vector<std::byte> own;
    std::span<const std::byte> given = values;
    if (part.shard) given = own = cut_out(values, *part.shard, {type, graph.tensor(part.tensor).type.shape});
    if (type == parameter.type.type) {
      executor.write(part.tensor, given);
    } else {
      executor.write(part.tensor, rounded(given));
    }
    if (part.rounded != kNone<TensorId>) executor.write(part.rounded, rounded(given));
  }
}

void receive_parameter(Executor& executor, const StoredParameter& parameter) {
  for (const StoredPart& part : parameter.parts) {
    executor.write(part.tensor, {});
    if (part.rounded != kNone<TensorId>) executor.write(part.rounded, {});
  }
}

}  // namespace mp::runtime
