#include "lib/plan/stage_parts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace mp {
namespace {

struct InParts {
  std::int32_t parts = 1;
  const ParallelOption* option = nullptr;
};

class StageSplitter {
 public:
  StageSplitter(const Model& model, const std::vector<PlanStage>& stages) : model_(model) {
    for (const PlanStage& stage : stages) {
      for (const PlanStage::Choice& choice : stage.choices) {
        for (const std::string& node : choice.nodes) choices_[node] = {stage.tensor_parallel, choice.option};
      }
    }
    for (const ModelNode& node : model.nodes) {
      const InParts in_parts = parts_of(node);
      for (const std::string& output : node.outputs) made_in_[output] = in_parts.parts;
    }
  }

  Model run() const {
    Model result = model_;
    result.nodes.clear();
    for (const ModelNode& node : model_.nodes) {
      const InParts in_parts = parts_of(node);
      for (std::int32_t i = 0; i < in_parts.parts; ++i) {
        result.nodes.push_back(in_parts.parts == 1 ? node : part_of(node, in_parts, i));
        for (std::string& input : result.nodes.back().inputs) input = part_read(input, i);
      }
    }
    return result;
  }

 private:
  // One part where the node stays whole.
  [[nodiscard]] InParts parts_of(const ModelNode& node) const {
    const auto choice = choices_.find(node.name);
    if (choice == choices_.end() || choice->second.first < 2 || !node.cost || !model_.loss.empty()) return {};
    const auto option =
        std::find_if(node.parallel_options.begin(), node.parallel_options.end(), [&](const ParallelOption& o) {
          return o.tensor_parallel == choice->second.first && o.name == choice->second.second;
        });
    if (option == node.parallel_options.end()) return {};
    return {choice->second.first, &*option};
  }

  [[nodiscard]] std::string part_read(const std::string& tensor, std::int32_t i) const {
    const auto made = made_in_.find(tensor);
    return made == made_in_.end() || made->second == 1 ? tensor : stage_part_name(tensor, i % made->second);
  }

  static ModelNode part_of(const ModelNode& node, const InParts& in_parts, std::int32_t i) {
    ModelNode part = node;
    part.name = stage_part_name(node.name, i);
    for (std::string& output : part.outputs) {
      if (!output.empty()) output = stage_part_name(output, i);
    }
    if (!part.colocate.empty()) part.colocate = stage_part_name(node.colocate, i);
    part.device.reset();
    part.parallel_options.clear();
    MeasuredCost& cost = *part.cost;
    const double whole_s = cost.forward_s + cost.backward_s;
    const double share = whole_s > 0.0 ? in_parts.option->time_s / whole_s : 1.0;
    cost.forward_s *= share;
    cost.backward_s *= share;
    for (auto& [type, seconds] : cost.forward_s_by_type) seconds *= share;
    cost.parameter_bytes = in_parts.option->parameter_bytes;
    return part;
  }

  const Model& model_;
  std::map<std::string, std::pair<std::int32_t, std::string>, std::less<>> choices_;  // node → devices, option
  std::map<std::string, std::int32_t, std::less<>> made_in_;                          // tensor → parts
};

}  // namespace

std::string stage_part_name(const std::string& name, std::int64_t i) { return fmt::format("{}.part{}", name, i + 1); }

Model model_in_stage_parts(const Model& model, const std::vector<PlanStage>& stages) {
  const bool is_split =
      std::any_of(stages.begin(), stages.end(), [](const PlanStage& stage) { return stage.tensor_parallel > 1; });
  return is_split ? StageSplitter(model, stages).run() : model;
}

}  // namespace mp
