#include "runtime/checkpoint/checkpoint_file.hpp"

#include <fmt/core.h>

#include <charconv>
#include <span>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "runtime/weights.hpp"

namespace mp::runtime {
namespace {

constexpr std::string_view kFormat = "mp.checkpoint/1";
constexpr std::string_view kSettingPrefix = "setting.";
constexpr std::string_view kProgressPrefix = "progress.";

std::int64_t step_of(const SafetensorsFile& file) {
  const auto format = file.metadata().find("format");
  if (format == file.metadata().end()) {
    throw InputError(file.path(), Issue{"", "holds weights, but is no checkpoint (its metadata have no \"format\": \"" +
                                                std::string(kFormat) + "\"): start from it with --load"});
  }
  if (format->second != kFormat) {
    throw InputError(file.path(),
                     Issue{"", fmt::format("is of format {}; this program knows {}", quoted(format->second), kFormat)});
  }
  const auto found = file.metadata().find("step");
  const std::string text = found == file.metadata().end() ? "" : found->second;
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (error != std::errc() || end != text.data() + text.size() || step < 0) {
    throw InputError(file.path(), Issue{"", fmt::format("its metadata say step {}: no number of steps", quoted(text))});
  }
  return step;
}

}  // namespace

Snapshot::Snapshot(const Executor& executor) : model_(executor.program().training.graph.name()) {
  std::int64_t size_bytes = 0;
  parameters_ = stored_parameters(executor.program().training, Stored::kModelAndOptimizer);
  for (const StoredParameter& parameter : parameters_) {
    tensors_.push_back({parameter.name, parameter.type});
    size_bytes += bytes(parameter.type);
  }
  if (executor.is_first()) values_.resize(static_cast<std::size_t>(size_bytes));
}

void Snapshot::take(Executor& executor, RunState state) {
  std::span<std::byte> rest(values_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto size = executor.is_first() ? static_cast<std::size_t>(bytes(tensors_[i].type)) : 0;
    read_parameter_on_first(executor, parameters_[i], rest.first(size));
    rest = rest.subspan(size);
  }
  state_ = std::move(state);
}

void Snapshot::write(const std::string& path) const {
  Metadata metadata{{"format", std::string(kFormat)}, {"model", model_}, {"step", std::to_string(state_.step)}};
  for (const auto& [name, value] : state_.settings) metadata.emplace(std::string(kSettingPrefix) + name, value);
  for (const auto& [name, value] : state_.progress) metadata.emplace(std::string(kProgressPrefix) + name, value);
  SafetensorsWriter writer(path, tensors_, metadata);
  writer.write(values_);
  writer.commit();
}

void receive_checkpoint(Executor& executor) { receive_parameters(executor, Stored::kModelAndOptimizer); }

RunState load_checkpoint(Executor& executor, const std::string& path) {
  const SafetensorsFile file(path);
  RunState state{.step = step_of(file), .settings = {}};
  for (const auto& [name, value] : file.metadata()) {
    if (name.starts_with(kSettingPrefix)) state.settings.emplace(name.substr(kSettingPrefix.size()), value);
    if (name.starts_with(kProgressPrefix)) state.progress.emplace(name.substr(kProgressPrefix.size()), value);
  }
  load_parameters(executor, file, Stored::kModelAndOptimizer);
  return state;
}

void verify_checkpoint(const std::string& path) {
  const SafetensorsFile file(path);
  static_cast<void>(step_of(file));
  if (!file.has_checksum()) throw InputError(path, Issue{"", "has no checksum: it is no checkpoint of this program"});
  file.verify();
}

}  // namespace mp::runtime
