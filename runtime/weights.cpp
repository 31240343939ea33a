#include "runtime/weights.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/safetensors.hpp"

namespace mp::runtime {
namespace {

std::vector<std::byte> values_of(Executor& executor, TensorId parameter) {
  const TensorType& type = executor.program().training.graph.tensor(parameter).type;
  std::vector<std::byte> values(static_cast<std::size_t>(bytes(type)));
  executor.read(parameter, values);
  return values;
}

std::string described(const StoredTensor& tensor) { return tensor.dtype + to_string(tensor.shape); }

// float32 is rounded where a parameter is bfloat16.
bool fits(std::optional<DataType> stored, DataType type) {
  return stored == type || (stored == DataType::kFloat32 && type == DataType::kBfloat16);
}

// What keeps the file from being the weights of this model.
std::vector<Issue> mismatches(const TrainingGraph& training, const SafetensorsFile& file,
                              const std::vector<StoredParameter>& parameters) {
  std::vector<Issue> issues;
  std::set<std::string, std::less<>> known;
  for (const StoredParameter& parameter : stored_parameters(training, Stored::kModelAndOptimizer)) {
    known.insert(parameter.name);
  }
  for (const StoredParameter& parameter : parameters) {
    const StoredTensor* stored = file.find(parameter.name);
    if (stored == nullptr) {
      issues.push_back({"", fmt::format("has no tensor {}, a parameter of the model", quoted(parameter.name))});
    } else if (!fits(stored->type, parameter.type.type) || stored->shape != parameter.type.shape) {
      issues.push_back({"", fmt::format("tensor {} is {}, but the model has {}", quoted(parameter.name),
                                        described(*stored), to_string(parameter.type))});
    }
  }
  // What answers without training has no place for the optimizer's state.
  const auto format = file.metadata().find("format");
  const bool is_checkpoint = format != file.metadata().end() && format->second.starts_with("mp.checkpoint/");
  const bool leaves_state = is_checkpoint && training.trained.empty();
  for (const StoredTensor& stored : file.tensors()) {
    if (leaves_state || known.contains(stored.name)) continue;
    issues.push_back({"", fmt::format("tensor {} is no parameter of the model", quoted(stored.name))});
  }
  return issues;
}

}  // namespace

std::vector<TensorId> model_parameters(const TrainingGraph& training) {
  std::set<TensorId> optimizer_state;
  for (const TrainedParameter& trained : training.trained) {
    optimizer_state.insert(trained.state.begin(), trained.state.end());
  }
  std::vector<TensorId> parameters;
  for (const GraphParameter& parameter : training.graph.parameters()) {
    if (!optimizer_state.contains(parameter.tensor)) parameters.push_back(parameter.tensor);
  }
  return parameters;
}

void save_weights(Executor& executor, const std::string& path) {
  const TrainingGraph& training = executor.program().training;
  const std::vector<StoredParameter> parameters = stored_parameters(training, Stored::kModel);
  std::vector<TensorToStore> tensors;
  for (const StoredParameter& parameter : parameters) tensors.push_back({parameter.name, parameter.type});
  if (!executor.is_first()) {
    for (const StoredParameter& parameter : parameters) read_parameter_on_first(executor, parameter, {});
    return;
  }
  SafetensorsWriter writer(path, tensors, {{"model", training.graph.name()}});
  for (const StoredParameter& parameter : parameters) {
    std::vector<std::byte> values(static_cast<std::size_t>(bytes(parameter.type)));
    read_parameter_on_first(executor, parameter, values);
    writer.write(values);
  }
  writer.commit();
}

void load_weights(Executor& executor, const std::string& path) {
  const std::vector<StoredParameter> parameters = stored_parameters(executor.program().training, Stored::kModel);
  if (!executor.is_first()) return receive_parameters(executor, parameters);
  load_parameters(executor, SafetensorsFile(path), parameters);
}

void receive_parameters(Executor& executor, const std::vector<StoredParameter>& parameters) {
  for (const StoredParameter& parameter : parameters) receive_parameter(executor, parameter);
}

void load_parameters(Executor& executor, const SafetensorsFile& file, const std::vector<StoredParameter>& parameters) {
  constexpr std::size_t kMaxIssues = 10;
  const TrainingGraph& training = executor.program().training;
  std::vector<Issue> issues = mismatches(training, file, parameters);
  if (issues.size() > kMaxIssues) {
    const std::size_t more = issues.size() - kMaxIssues;
    issues.resize(kMaxIssues);
    issues.push_back({"", fmt::format("and {} more like these", more)});
  }
  if (!issues.empty()) throw InputError(file.path(), std::move(issues));
  file.verify();
  for (const StoredParameter& parameter : parameters) {
    const StoredTensor& stored = *file.find(parameter.name);
    std::vector<std::byte> values(static_cast<std::size_t>(stored.size_bytes));
    file.read(stored, values);
    write_parameter(executor, parameter, stored.type == parameter.type.type ? parameter.type.type : DataType::kFloat32,
                    values);
  }
}

void copy_weights(Executor& from, Executor& to) {
  const Graph& source = from.program().training.graph;
  const TrainingGraph& target = to.program().training;
  for (const TensorId parameter : model_parameters(target)) {
    const std::optional<TensorId> original = source.find_tensor(target.graph.tensor(parameter).name);
    to.write_alike(parameter, values_of(from, original.value()));
  }
}

}  // namespace mp::runtime
