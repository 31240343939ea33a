// How parameters stand in files: float32 under the model's names, in whatever precision they are trained.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/training/training_graph.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// Tensors of the program that have values of a tensor of a file.
struct StoredPart {
  TensorId tensor = kNone<TensorId>;
  TensorId rounded = kNone<TensorId>;     // the bfloat16 parameter, where `tensor` is its float32 master
  std::optional<ParameterShard> shard{};  // which values; absent: all of them
};

// A tensor of a file, and where the program has its values: in one part, or in shards that make up the whole.
struct StoredParameter {
  std::string name;  // of the parameter
  TensorType type;   // as it is written
  std::vector<StoredPart> parts;
};

// What the model itself keeps (trained parameters, running means …), in the graph's order; then, where asked, what the
// optimizer keeps besides.
enum class Stored : std::uint8_t { kModel, kModelAndOptimizer };
[[nodiscard]] std::vector<StoredParameter> stored_parameters(const TrainingGraph& training, Stored which);

// The values, in the type they are stored in.
void read_parameter(Executor& executor, const StoredParameter& parameter, std::span<std::byte> values);
// On rank 0 alone; the others take part with an empty span.
void read_parameter_on_first(Executor& executor, const StoredParameter& parameter, std::span<std::byte> values);

// Sets values, given in the type they are stored in or in float32, which is rounded where the parameter is bfloat16.
void write_parameter(Executor& executor, const StoredParameter& parameter, DataType type,
                     std::span<const std::byte> values);
// What the other ranks do meanwhile.
void receive_parameter(Executor& executor, const StoredParameter& parameter);

}  // namespace mp::runtime
