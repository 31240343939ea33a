#include "runtime/weights.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/safetensors.hpp"

namespace mp::runtime {
namespace {

std::vector<std::byte> values_of(Executor& executor, TensorId parameter) {
  const TrainingGraph& training = executor.program().training;
  const auto size_of_tensor = [&](TensorId t) {
    return static_cast<std::size_t>(bytes(training.graph.tensor(t).type));
  };
  std::vector<std::byte> values(size_of_tensor(parameter));
  const auto shared = training.shares.find(parameter);
  const std::vector<TensorId> parts = shared != training.shares.end() ? shared->second : std::vector{parameter};
  std::size_t begin = 0;
  for (const TensorId t : parts) {
    executor.read(t, std::span(values).subspan(begin, size_of_tensor(t)));
    begin += size_of_tensor(t);
  }
  return values;
}

std::string described(const StoredTensor& tensor) { return tensor.dtype + to_string(tensor.shape); }

// float32 is rounded where a parameter is bfloat16.
bool fits(std::optional<DataType> stored, DataType type) {
  return stored == type || (stored == DataType::kFloat32 && type == DataType::kBfloat16);
}

bool is_checkpoint(const SafetensorsFile& file) {
  const auto format = file.metadata().find("format");
  return format != file.metadata().end() && format->second.starts_with("mp.checkpoint/");
}

// "fc1.weight.adam.m" beside "fc1.weight": what an optimizer keeps of a parameter.
bool is_optimizer_state(const SafetensorsFile& file, std::string_view name) {
  constexpr std::array<std::string_view, 3> kStates = {".adam.m", ".adam.v", ".momentum"};
  return is_checkpoint(file) && std::any_of(kStates.begin(), kStates.end(), [&](std::string_view state) {
           return name.ends_with(state) && file.find(name.substr(0, name.size() - state.size())) != nullptr;
         });
}

std::set<std::string, std::less<>> names_of(const std::vector<StoredParameter>& parameters) {
  std::set<std::string, std::less<>> names;
  for (const StoredParameter& parameter : parameters) names.insert(parameter.name);
  return names;
}

// What keeps a run from going on with the optimizer's state: "" where nothing does. Weights alone are good for any.
std::string state_mismatch(const TrainingGraph& training, const SafetensorsFile& file) {
  const auto model = names_of(stored_parameters(training, Stored::kModel));
  const auto all = names_of(stored_parameters(training, Stored::kModelAndOptimizer));
  constexpr const char* kRemedy = "go on with the optimizer of before, or start anew from these weights with --load";
  for (const std::string& name : all) {
    if (model.contains(name) || file.find(name) != nullptr) continue;
    return fmt::format("has no {}, which this run's optimizer keeps: {}", quoted(name), kRemedy);
  }
  for (const StoredTensor& stored : file.tensors()) {
    if (all.contains(stored.name) || !is_optimizer_state(file, stored.name)) continue;
    return fmt::format("has {}, which this run's optimizer does not keep: {}", quoted(stored.name), kRemedy);
  }
  return "";
}

void add_mismatch(const SafetensorsFile& file, const StoredParameter& parameter, std::vector<Issue>& issues) {
  const StoredTensor* stored = file.find(parameter.name);
  if (stored == nullptr) {
    issues.push_back({"", fmt::format("has no tensor {}, a parameter of the model", quoted(parameter.name))});
  } else if (!fits(stored->type, parameter.type.type) || stored->shape != parameter.type.shape) {
    issues.push_back({"", fmt::format("tensor {} is {}, but the model has {}", quoted(parameter.name),
                                      described(*stored), to_string(parameter.type))});
  }
}

// What keeps the file from being the weights of this model; where it is of another one, that comes first.
std::vector<Issue> mismatches(const TrainingGraph& training, const SafetensorsFile& file) {
  std::vector<Issue> issues;
  const std::vector<StoredParameter> parameters = stored_parameters(training, Stored::kModel);
  for (const StoredParameter& parameter : parameters) add_mismatch(file, parameter, issues);
  const auto known = names_of(stored_parameters(training, Stored::kModelAndOptimizer));
  for (const StoredTensor& stored : file.tensors()) {
    if (known.contains(stored.name) || is_optimizer_state(file, stored.name)) continue;
    issues.push_back({"", fmt::format("tensor {} is no parameter of the model", quoted(stored.name))});
  }
  const auto of = file.metadata().find("model");
  if (!issues.empty() && of != file.metadata().end() && of->second != training.graph.name()) {
    issues.insert(issues.begin(), {"", fmt::format("holds model {}, but the plan's is {}", quoted(of->second),
                                                   quoted(training.graph.name()))});
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
  if (!executor.is_first()) return receive_parameters(executor, Stored::kModel);
  load_parameters(executor, SafetensorsFile(path), Stored::kModel);
}

void receive_parameters(Executor& executor, Stored which) {
  for (const StoredParameter& parameter : stored_parameters(executor.program().training, which)) {
    receive_parameter(executor, parameter);
  }
}

void load_parameters(Executor& executor, const SafetensorsFile& file, Stored which) {
  constexpr std::size_t kMaxIssues = 10;
  const TrainingGraph& training = executor.program().training;
  std::vector<Issue> issues = mismatches(training, file);
  if (issues.size() > kMaxIssues) {
    const std::size_t more = issues.size() - kMaxIssues;
    issues.resize(kMaxIssues);
    issues.push_back({"", fmt::format("and {} more like these", more)});
  }
  const bool needs_state = which == Stored::kModelAndOptimizer;
  const std::string mismatch = issues.empty() && needs_state ? state_mismatch(training, file) : "";
  if (!mismatch.empty()) issues.push_back({"", mismatch});
  if (!issues.empty()) throw InputError(file.path(), std::move(issues));
  file.verify();
  for (const StoredParameter& parameter : stored_parameters(training, which)) {
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
