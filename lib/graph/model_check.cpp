#include "lib/graph/model_check.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "lib/base/text.hpp"

namespace mp {
namespace {

constexpr std::string_view kCopy = "copy:";

std::string initializer_problem(const Initializer& initializer) {
  if (!std::isfinite(initializer.a) || !std::isfinite(initializer.b)) return "its numbers must be finite";
  if (initializer.kind == Initializer::Kind::kNormal && initializer.b < 0) {
    return "the standard deviation must be 0 or more";
  }
  if (initializer.kind == Initializer::Kind::kUniform && initializer.b < initializer.a) {
    return "the upper end must not be below the lower";
  }
  return "";
}

using InputsByName = std::unordered_map<std::string_view, const ModelInput*>;

void check_copy(const ModelInput& input, const InputsByName& inputs, const std::string& place, IssueList& issues) {
  const std::string_view wanted = std::string_view(input.data).substr(kCopy.size());
  const auto other = inputs.find(wanted);
  if (other == inputs.end()) {
    issues.add(place, [&] {
      std::vector<std::string_view> known;
      for (const auto& [name, candidate] : inputs) known.push_back(name);
      std::sort(known.begin(), known.end());
      return "there is no input " + quoted(wanted) + " to copy" + did_you_mean(wanted, known);
    });
  } else if (other->second->data.starts_with(kCopy)) {
    issues.add(place, [&] { return "only an input that is no copy can be copied, not " + quoted(wanted); });
  } else if (other->second->type != input.type || other->second->shape != input.shape) {
    issues.add(place, [&] { return "a copy needs type and shape of what it copies, " + quoted(wanted); });
  }
}

}  // namespace

void check_parameter(const ModelParameter& parameter, const std::string& place, IssueList& issues) {
  std::string problem = initializer_problem(parameter.initializer);
  if (!problem.empty()) issues.add(place + "/initializer", [&] { return std::move(problem); });
  if (parameter.trainable && parameter.type != DataType::kFloat32) {
    issues.add(place + "/type", [&] {
      return "a trained parameter must be float32, not " + std::string(name_of(parameter.type)) +
             " (or set \"trainable\": false)";
    });
  }
}

void check_data_sources(const Model& model, IssueList& issues) {
  static constexpr std::string_view kSources[] = {"normal", "tokens", "next-tokens", "images", "labels"};
  InputsByName inputs;
  for (const ModelInput& input : model.inputs) inputs.emplace(input.name, &input);
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    const std::string& data = model.inputs[i].data;
    const std::string place = "/inputs/" + std::to_string(i) + "/data";
    if (data.starts_with(kCopy)) {
      check_copy(model.inputs[i], inputs, place, issues);
    } else if (!data.empty() && std::find(std::begin(kSources), std::end(kSources), data) == std::end(kSources)) {
      issues.add(place, [&] {
        return "no data source " + quoted(data) + did_you_mean(data, kSources) +
               " (known: normal, tokens, next-tokens, images, labels, copy:<input>)";
      });
    }
  }
}

std::string describe_cycle(const Model& model, const std::vector<std::int32_t>& cycle) {
  constexpr std::size_t kNamed = 8;
  std::string text = "these nodes wait for each other: ";
  for (std::size_t i = 0; i < std::min(cycle.size(), kNamed); ++i) {
    text += model.nodes[static_cast<std::size_t>(cycle[i])].name + " → ";
  }
  if (cycle.size() > kNamed) text += "… (" + std::to_string(cycle.size() - kNamed) + " more) → ";
  return text + model.nodes[static_cast<std::size_t>(cycle.front())].name;
}

}  // namespace mp
