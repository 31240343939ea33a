#include "partition/import/pipedream.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/graph/issue_list.hpp"
#include "lib/graph/topology.hpp"

namespace mp::partition {
namespace {

constexpr double kSecondsPerMs = 1e-3;
constexpr double kMaxMs = 1e12;
constexpr std::string_view kSeparator = " -- ";

struct Layer {
  std::string name;
  std::string description;
  double forward_ms = 0.0;
  double backward_ms = 0.0;
  double activation_bytes = 0.0;
  double parameter_bytes = 0.0;
  std::size_t line = 0;
  std::vector<std::size_t> inputs;
  std::size_t readers = 0;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<double> number_of(std::string_view text, double maximum) {
  text = trimmed(text);
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && number >= 0.0 && number <= maximum ? std::optional(number) : std::nullopt;
}

// "12.0" or "[12.0; 3.0]": the sum.
std::optional<double> sum_of(std::string_view text) {
  text = trimmed(text);
  const auto most = static_cast<double>(kMaxTensorBytes);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return number_of(text, most);
  text = text.substr(1, text.size() - 2);
  double sum = 0.0;
  while (true) {
    const std::size_t end = std::min(text.find_first_of(";,"), text.size());
    const std::optional<double> number = number_of(text.substr(0, end), most);
    if (!number || sum + *number > most) return std::nullopt;
    sum += *number;
    if (end == text.size()) return sum;
    text.remove_prefix(end + 1);
  }
}

class ProfileReader {
 public:
  explicit ProfileReader(std::string_view text) : text_(text) {}

  std::vector<Layer> read(IssueList& issues) {
    std::size_t line = 0;
    for (std::string_view rest = text_; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view content = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++line;
      if (trimmed(content).empty()) continue;
      if (content.front() == '\t' || content.front() == ' ') {
        edges_.push_back({line, trimmed(content)});
      } else {
        read_layer(content, line, issues);
      }
    }
    for (const auto& [number, edge] : edges_) read_edge(edge, number, issues);
    return std::move(layers_);
  }

 private:
  static std::string place(std::size_t line) { return fmt::format("line {}", line); }

  void read_layer(std::string_view content, std::size_t line, IssueList& issues) {
    const std::size_t first = content.find(kSeparator);
    const std::size_t last = content.rfind(kSeparator);
    if (first == std::string_view::npos || first == last) {
      issues.add(place(line), [&] {
        return std::string(
            "a layer is expected: \"node1 -- description -- forward_compute_time=…, "
            "backward_compute_time=…, activation_size=…, parameter_size=…\" (edges begin with a tab)");
      });
      return;
    }
    Layer layer;
    layer.name = trimmed(content.substr(0, first));
    layer.description = trimmed(content.substr(first + kSeparator.size(), last - first - kSeparator.size()));
    layer.line = line;
    read_values(content.substr(last + kSeparator.size()), layer, issues);
    if (layer.name.empty()) issues.add(place(line), [] { return std::string("the layer has no name"); });
    const auto [known, is_new] = positions_.emplace(layer.name, layers_.size());
    if (!is_new) {
      issues.add(place(line), [&, position = known->second] {
        return fmt::format("line {} has a layer named {} already", layers_[position].line, quoted(layer.name));
      });
      return;
    }
    layers_.push_back(std::move(layer));
  }

  // "key=value, key=value, …"; unknown keys are PipeDream's business.
  void read_values(std::string_view text, Layer& layer, IssueList& issues) {
    const std::map<std::string_view, double*> wanted{{"forward_compute_time", &layer.forward_ms},
                                                     {"backward_compute_time", &layer.backward_ms},
                                                     {"activation_size", &layer.activation_bytes},
                                                     {"parameter_size", &layer.parameter_bytes}};
    std::size_t found = 0;
    while (!text.empty()) {
      const std::size_t equals = std::min(text.find('='), text.size());
      const bool is_list = text.substr(equals).starts_with("=[");
      const std::size_t from = is_list ? std::min(text.find(']', equals), text.size()) : equals;
      const std::size_t end = std::min(text.find(',', from), text.size());
      const std::string_view key = trimmed(text.substr(0, equals));
      const std::string_view value = equals < end ? text.substr(equals + 1, end - equals - 1) : std::string_view();
      text.remove_prefix(std::min(end + 1, text.size()));
      const auto target = wanted.find(key);
      if (target == wanted.end()) continue;
      ++found;
      const bool is_time = key.ends_with("_time");
      const std::optional<double> number = is_time ? number_of(value, kMaxMs) : sum_of(value);
      if (!number) {
        issues.add(place(layer.line), [&] {
          return fmt::format("{}={} is no {}: a number from 0 on is expected", key, quoted(trimmed(value)),
                             is_time ? "time in milliseconds" : "size in bytes");
        });
      }
      *target->second = number.value_or(0.0);
    }
    if (found == wanted.size()) return;
    issues.add(place(layer.line), [&] {
      return fmt::format(
          "{} of the values forward_compute_time, backward_compute_time, activation_size and "
          "parameter_size are there: each is needed once",
          found);
    });
  }

  void read_edge(std::string_view edge, std::size_t line, IssueList& issues) {
    const std::size_t middle = edge.find(kSeparator);
    const std::string_view from = trimmed(edge.substr(0, std::min(middle, edge.size())));
    const std::string_view to =
        middle == std::string_view::npos ? std::string_view() : trimmed(edge.substr(middle + kSeparator.size()));
    const auto source = positions_.find(from);
    const auto target = positions_.find(to);
    if (source == positions_.end() || target == positions_.end()) {
      issues.add(place(line), [&] {
        if (middle == std::string_view::npos) return std::string("an edge is expected: \"node1 -- node2\" after a tab");
        return fmt::format("no layer is named {}", quoted(source == positions_.end() ? from : to));
      });
      return;
    }
    std::vector<std::size_t>& inputs = layers_[target->second].inputs;
    if (std::find(inputs.begin(), inputs.end(), source->second) != inputs.end()) return;
    inputs.push_back(source->second);
    ++layers_[source->second].readers;
  }

  std::string_view text_;
  std::vector<Layer> layers_;
  std::map<std::string, std::size_t, std::less<>> positions_;
  std::vector<std::pair<std::size_t, std::string_view>> edges_;
};

bool is_left_out(const Layer& layer) {
  if (layer.inputs.empty() && layer.description.starts_with("Input")) return true;
  return layer.readers == 0 && layer.description.starts_with("__getitem__");
}

void require_no_cycle(const std::vector<Layer>& layers, IssueList& issues) {
  Predecessors predecessors;
  for (const Layer& layer : layers) {
    auto& before = predecessors.emplace_back();
    for (const std::size_t input : layer.inputs) before.push_back(static_cast<std::int32_t>(input));
  }
  const std::vector<std::int32_t> order = topological_order(predecessors);
  if (order.size() == layers.size()) return;
  for (const std::vector<std::int32_t>& cycle : find_cycles(predecessors, order)) {
    const Layer& layer = layers[static_cast<std::size_t>(cycle.front())];
    issues.add(fmt::format("line {}", layer.line),
               [&] { return fmt::format("layer {} is on a cycle of {} layers", quoted(layer.name), cycle.size()); });
  }
}

ModelNode node_of(const Layer& layer, const std::vector<Layer>& layers) {
  ModelNode node;
  node.name = layer.name;
  node.op = "Measured";
  node.outputs = {layer.name};
  if (!layer.description.empty()) node.attributes.set("label", layer.description);
  for (const std::size_t input : layer.inputs)
    if (!is_left_out(layers[input])) node.inputs.push_back(layers[input].name);
  MeasuredCost cost;
  cost.forward_s = layer.forward_ms * kSecondsPerMs;
  cost.backward_s = layer.backward_ms * kSecondsPerMs;
  cost.parameter_bytes = std::llround(layer.parameter_bytes);
  cost.output_bytes = {std::llround(layer.activation_bytes)};
  node.cost = std::move(cost);
  return node;
}

}  // namespace

bool looks_like_pipedream(std::string_view bytes, std::string_view) {
  const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size()));
  return line.find(kSeparator) != std::string_view::npos &&
         line.find("forward_compute_time=") != std::string_view::npos;
}

ImportedModel import_pipedream(std::string_view bytes, const std::string& path) {
  IssueList issues;
  const std::vector<Layer> layers = ProfileReader(bytes).read(issues);
  require_no_cycle(layers, issues);
  ImportedModel imported;
  imported.model.name = model_name_of(path);
  imported.model.description = "Measured elsewhere (PipeDream's profiler).";
  imported.model.dimensions.emplace(kBatchDimension, 1);
  for (const Layer& layer : layers)
    if (!is_left_out(layer)) imported.model.nodes.push_back(node_of(layer, layers));
  if (imported.model.nodes.empty()) issues.add("", [] { return std::string("there are no layers to place"); });
  std::move(issues).throw_if_any(path);
  return imported;
}

}  // namespace mp::partition
