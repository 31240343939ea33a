#include "apps/mpplan/split_flag.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>

#include "apps/mpplan/model_planning.hpp"
#include "apps/mpplan/step_time_command.hpp"
#include "lib/base/error.hpp"
#include "lib/graph/choose_splits.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/prepare.hpp"
#include "partition/search/split_search.hpp"

namespace mp::apps {
namespace {

constexpr std::string_view kTensorParallel = "tensor-parallel:";

bool is_alone(const PartitionOptions& options, std::string_view word) {
  if (std::find(options.splits.begin(), options.splits.end(), word) == options.splits.end()) return false;
  if (options.splits.size() == 1) return true;
  throw UsageError(fmt::format("--split {} says it all: it goes with no other --split", word));
}

// The parts of "tensor-parallel:4".
std::optional<std::int64_t> tensor_parallel_parts(std::string_view text) {
  if (!text.starts_with(kTensorParallel)) return std::nullopt;
  const char* end = text.data() + text.size();
  std::int64_t parts = 0;
  const auto [stop, error] = std::from_chars(text.data() + kTensorParallel.size(), end, parts);
  if (error == std::errc() && stop == end && parts >= 2 && parts <= kMaxSplitParts) return parts;
  throw UsageError(fmt::format("--split {}: a number of parts from 2 to {} is expected", text, kMaxSplitParts));
}

std::vector<NodeSplit> pairs_of_products(const Graph& graph, std::int64_t parts) {
  std::vector<NodeSplit> splits = tensor_parallel_splits(graph, parts);
  if (!splits.empty()) return splits;
  throw UsageError(
      fmt::format("--split {}{}: no product of this model reaches another one by elementwise work or "
                  "attention with heads for {} parts alone",
                  kTensorParallel, parts, parts));
}

void add(std::vector<NodeSplit>& splits, const std::vector<NodeSplit>& more) {
  splits.insert(splits.end(), more.begin(), more.end());
}

}  // namespace

bool splits_if_shorter(const PartitionOptions& options) {
  return (options.splits.empty() && options.objective == kStepTimeObjective) || is_alone(options, "auto");
}

std::vector<NodeSplit> chosen_splits(const PartitionOptions& options, const Model& model, const Cluster& cluster) {
  if (options.splits.empty() || is_alone(options, "none")) return {};
  const Graph graph = microbatch_graph(model, step_shape_of(options), options.input);
  std::vector<NodeSplit> splits;
  if (is_alone(options, "auto")) {
    splits = splits_of_heavy_nodes(graph, partition::heavy_nodes_of(cluster));
  }
  for (const std::string& text : options.splits) {
    if (text == "auto") continue;
    const std::optional<std::int64_t> parts = tensor_parallel_parts(text);
    add(splits, parts ? pairs_of_products(graph, *parts) : std::vector<NodeSplit>{parse_node_split(text)});
  }
  static_cast<void>(model_in_parts(model, splits, options.input, options.step.bindings()));  // what is told can be done
  fmt::print(stderr, "mpplan: {}\n",
             splits.empty() ? "no node is more than a device's share: nothing is split" : "split: " + text_of(splits));
  return splits;
}

void refuse_split_flag(const PartitionOptions& options, std::string_view why) {
  if (!options.splits.empty()) throw UsageError(fmt::format("--split goes with a placement of a model: {}", why));
}

std::string text_of(const std::vector<NodeSplit>& splits) {
  constexpr std::size_t kMost = 6;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(kMost, splits.size()); ++i) {
    texts.push_back(fmt::format("{} into {} parts by {}", splits[i].node, splits[i].parts, name_of(splits[i].way)));
  }
  const std::string more = splits.size() > kMost ? fmt::format(" and {} more", splits.size() - kMost) : "";
  return fmt::format("{}{}", fmt::join(texts, ", "), more);
}

}  // namespace mp::apps
