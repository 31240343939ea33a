// How parameters stand in files: float32 under the model's names, in whatever precision they are trained.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lib/training/training_graph.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// A tensor of a file, and the tensors of the program that have its values.
struct StoredParameter {
  std::string name;  // of the parameter
  TensorType type;   // as it is written
  TensorId tensor = kNone<TensorId>;
  TensorId rounded = kNone<TensorId>;  // the bfloat16 parameter, where `tensor` is its float32 master
};

// What the model itself keeps (trained parameters, running means …), in the graph's order; then, where asked, what the
// optimizer keeps besides.
enum class Stored : std::uint8_t { kModel, kModelAndOptimizer };
[[nodiscard]] std::vector<StoredParameter> stored_parameters(const TrainingGraph& training, Stored which);

// Sets values, given in the type they are stored in or in float32, which is rounded where the parameter is bfloat16.
void write_parameter(Executor& executor, const StoredParameter& parameter, DataType type,
                     std::span<const std::byte> values);
// What the other ranks do meanwhile.
void receive_parameter(Executor& executor, const StoredParameter& parameter);

}  // namespace mp::runtime
