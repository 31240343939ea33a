#include "lib/graph/part_walk.hpp"

#include <algorithm>
#include <utility>

#include "lib/operators/operator.hpp"
#include "lib/operators/parts.hpp"

namespace mp {
namespace {

constexpr std::size_t kMostNodes = 64;  // between: further apart, nothing is gained

class Walker {
 public:
  Walker(const Graph& graph, const std::function<bool(const PartsOfTensor&)>& is_end)
      : graph_(graph), is_end_(is_end) {}

  std::optional<PartWalk> run(const PartsOfTensor& wanted) {
    open_.push_back(wanted);
    while (!open_.empty()) {
      const PartsOfTensor next = std::move(open_.back());
      open_.pop_back();
      if (!visit(next)) return std::nullopt;
    }
    return std::move(walk_);
  }

 private:
  bool visit(const PartsOfTensor& wanted) {
    const auto [known, is_new] = seen_.emplace(wanted.tensor, wanted);
    if (!is_new) return known->second == wanted;
    if (is_end_(wanted)) {
      walk_.ends.push_back(wanted);
      return true;
    }
    const Tensor& tensor = graph_.tensor(wanted.tensor);
    if (graph_.consumers(wanted.tensor).size() != 1 || graph_.loss() == wanted.tensor) return false;
    if (tensor.kind == TensorKind::kParameter) {
      walk_.parameters.push_back(wanted);
      return true;
    }
    return tensor.kind == TensorKind::kActivation && walk_.between.size() < kMostNodes &&
           go_through(tensor.producer, wanted);
  }

  bool go_through(NodeId id, const PartsOfTensor& wanted) {
    const Node& node = graph_.node(id);
    const bool has_more_outputs =
        std::any_of(node.outputs.begin() + 1, node.outputs.end(), [](TensorId t) { return t != kNone<TensorId>; });
    if (node.op->in_parts == nullptr || node.cost || node.device || has_more_outputs) return false;
    std::vector<const TensorType*> types;
    for (const TensorId input : node.inputs) {
      types.push_back(input == kNone<TensorId> ? nullptr : &graph_.tensor(input).type);
    }
    const OperatorCall call{.inputs = types, .attributes = node.attributes, .outputs = 1};
    PartsAnswer answer = node.op->in_parts({call, graph_.tensor(node.outputs[0]).type, wanted.axis, wanted.sizes});
    if (answer.operands.empty()) return false;
    PartedNode& parted = walk_.between[id];
    parted = {.node = id, .operands = {}, .attributes = std::move(answer.attributes)};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      parted.operands.push_back({node.inputs[i], answer.operands[i].axis, std::move(answer.operands[i].sizes)});
      if (!parted.operands.back().sizes.empty()) open_.push_back(parted.operands.back());
    }
    return true;
  }

  const Graph& graph_;
  const std::function<bool(const PartsOfTensor&)>& is_end_;
  std::map<TensorId, PartsOfTensor> seen_;
  std::vector<PartsOfTensor> open_;
  PartWalk walk_;
};

}  // namespace

std::optional<PartWalk> walk_back(const Graph& graph, const PartsOfTensor& wanted,
                                  const std::function<bool(const PartsOfTensor&)>& is_end) {
  return Walker(graph, is_end).run(wanted);
}

}  // namespace mp
