#include "lib/files/parallel_option_fields.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/cluster_file.hpp"

namespace mp {
namespace {

std::vector<std::int64_t> read_sync(JsonValue value, std::size_t wanted, std::string_view what) {
  std::vector<std::int64_t> bytes = value.integers(0);
  if (!bytes.empty() && bytes.size() != wanted)
    value.issue(fmt::format("{} values; the node has {} {}", bytes.size(), wanted, what));
  return bytes;
}

ParallelOption read_option(JsonValue value, const ModelNode& node) {
  const JsonObject fields =
      value.object({"name", "tensor_parallel", "time_s", "parameter_bytes", "memory_per_microbatch_bytes",
                    "memory_bytes", "sync_input_bytes", "sync_output_bytes"});
  ParallelOption option;
  option.name = fields.require("name").nonempty_string();
  if (fields["tensor_parallel"].present())
    option.tensor_parallel = static_cast<std::int32_t>(fields["tensor_parallel"].integer(1, kMaxDevices));
  option.time_s = fields.require("time_s").number_at_least(0.0);
  option.parameter_bytes = fields["parameter_bytes"].integer(0, kMaxTensorBytes);
  option.memory_per_microbatch_bytes = fields["memory_per_microbatch_bytes"].integer(0, kMaxTensorBytes);
  option.memory_bytes = fields["memory_bytes"].integer(0, kMaxTensorBytes);
  option.sync_input_bytes = read_sync(fields["sync_input_bytes"], node.inputs.size(), "inputs");
  option.sync_output_bytes = read_sync(fields["sync_output_bytes"], node.outputs.size(), "outputs");
  return option;
}

}  // namespace

std::vector<ParallelOption> read_parallel_options(JsonValue value, const ModelNode& node) {
  std::vector<ParallelOption> options;
  for (const JsonValue item : value.items()) {
    ParallelOption option = read_option(item, node);
    const bool is_known = std::any_of(options.begin(), options.end(), [&](const ParallelOption& other) {
      return other.name == option.name && other.tensor_parallel == option.tensor_parallel;
    });
    if (is_known)
      item.issue(fmt::format("another option on {} devices is named {}", option.tensor_parallel, quoted(option.name)));
    options.push_back(std::move(option));
  }
  std::stable_sort(options.begin(), options.end(), [](const ParallelOption& a, const ParallelOption& b) {
    return a.tensor_parallel < b.tensor_parallel;
  });
  return options;
}

void write_parallel_options(JsonWriter& writer, const std::vector<ParallelOption>& options) {
  if (options.empty()) return;
  writer.key("parallel_options").begin_array();
  for (const ParallelOption& option : options) {
    writer.begin_object(JsonWriter::Layout::kInline).member("name", option.name);
    writer.member("tensor_parallel", option.tensor_parallel).member("time_s", option.time_s);
    if (option.parameter_bytes != 0) writer.member("parameter_bytes", option.parameter_bytes);
    writer.member("memory_per_microbatch_bytes", option.memory_per_microbatch_bytes);
    if (option.memory_bytes != 0) writer.member("memory_bytes", option.memory_bytes);
    if (!option.sync_input_bytes.empty()) writer.key("sync_input_bytes").values(option.sync_input_bytes);
    if (!option.sync_output_bytes.empty()) writer.key("sync_output_bytes").values(option.sync_output_bytes);
    writer.end();
  }
  writer.end();
}

}  // namespace mp
