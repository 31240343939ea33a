#include "lib/training/recompute.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/training/rewrite.hpp"

namespace mp {
namespace {

class Rewriter {
 public:
  Rewriter(const TrainingGraph& training, const Placement& placement, const std::vector<NodeId>& nodes)
      : training_(training),
        graph_(training.graph),
        placement_(placement),
        builder_(training.graph.name()),
        again_(training.graph.nodes().size(), false),
        is_copied_(training.graph.nodes().size(), false),
        read_in_backward_(training.graph.tensors().size(), false),
        tensor_(training.graph.tensors().size(), kNone<TensorId>),
        copy_(training.graph.tensors().size(), kNone<TensorId>) {
    for (const NodeId n : nodes) again_[n] = true;
    settle_what_is_made_again();
  }

  TrainingGraph run() && {
    tensor_ = copy_inputs_and_parameters(graph_, builder_);
    IdVector<NodeId, NodeId> node(graph_.nodes().size(), kNone<NodeId>);
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      if (training_.phase[n] == Phase::kBackward) copy_what_it_needs(n);
      node[n] = keep(n);
    }
    if (graph_.loss() != kNone<TensorId>) builder_.set_loss(tensor_[graph_.loss()], graph_.loss_reduction());
    finish(node);
    return std::move(result_);
  }

 private:
  // Views follow what they view; a node that updates a state needs something else to read in its stead.
  void settle_what_is_made_again() {
    for (const NodeId n : ids<NodeId>(static_cast<std::size_t>(training_.forward_nodes))) {
      const Node& node = graph_.node(n);
      if (node.op->is_view) {
        const NodeId from = graph_.tensor(node.inputs.front()).producer;
        again_[n] = from != kNone<NodeId> && again_[from] && placement_[from] == placement_[n];
      }
      for (const InPlace& pair : node.op->in_place) {
        if (again_[n] && updates_state(node, pair) && !stand_in(node, pair.input)) again_[n] = false;
      }
    }
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      if (training_.phase[n] != Phase::kBackward && !again_[n]) continue;
      for (const TensorId t : graph_.node(n).inputs) {
        if (t != kNone<TensorId>) read_in_backward_[t] = true;
      }
    }
  }

  [[nodiscard]] bool updates_state(const Node& node, const InPlace& pair) const {
    return pair.output < node.outputs.size() && node.outputs[pair.output] != kNone<TensorId> &&
           pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId> &&
           graph_.tensor(node.inputs[pair.input]).kind == TensorKind::kParameter;
  }

  // Another input of the type of a state: an operator that is not asked for the new state only looks at its type.
  [[nodiscard]] std::optional<TensorId> stand_in(const Node& node, std::size_t state) const {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool is_state = std::any_of(node.op->in_place.begin(), node.op->in_place.end(),
                                        [&](const InPlace& pair) { return pair.input == i; });
      if (is_state || node.inputs[i] == kNone<TensorId>) continue;
      if (graph_.tensor(node.inputs[i]).type == graph_.tensor(node.inputs[state]).type) return node.inputs[i];
    }
    return std::nullopt;
  }

  [[nodiscard]] bool is_new_state(TensorId tensor) const {
    const Node& node = graph_.node(graph_.tensor(tensor).producer);
    return std::any_of(node.op->in_place.begin(), node.op->in_place.end(), [&](const InPlace& pair) {
      return updates_state(node, pair) && node.outputs[pair.output] == tensor;
    });
  }

  // Does a reader on `device` find the tensor in a copy of its producer?
  [[nodiscard]] bool is_made_again(TensorId tensor, DeviceId device) const {
    const NodeId from = tensor == kNone<TensorId> ? kNone<NodeId> : graph_.tensor(tensor).producer;
    return from != kNone<NodeId> && again_[from] && placement_[from] == device && !is_new_state(tensor);
  }

  [[nodiscard]] DeviceId device_of(NodeId n) const { return placement_[training_.placed_with[n]]; }

  void copy_what_it_needs(NodeId reader) {
    std::vector<NodeId> needed;
    const auto need_inputs_of = [&](NodeId n) {
      for (const TensorId t : graph_.node(n).inputs) {
        if (!is_made_again(t, device_of(n)) || is_copied_[graph_.tensor(t).producer]) continue;
        is_copied_[graph_.tensor(t).producer] = true;
        needed.push_back(graph_.tensor(t).producer);
      }
    };
    need_inputs_of(reader);
    for (std::size_t i = 0; i < needed.size(); ++i) need_inputs_of(needed[i]);
    std::sort(needed.begin(), needed.end());  // ids are in topological order
    for (const NodeId n : needed) copy(n);
  }

  void copy(NodeId n) {
    Node node = graph_.node(n);
    if (node.op->name == "Dropout") node.attributes.set("stream", node.attributes.get_string("stream", node.name));
    node.name = builder_.fresh_name(node.name + ".again");
    node.colocate.clear();
    node.device.reset();
    if (node.cost) node.cost->parameter_bytes = 0;
    for (const InPlace& pair : node.op->in_place) {
      if (updates_state(graph_.node(n), pair)) node.inputs[pair.input] = *stand_in(graph_.node(n), pair.input);
    }
    for (TensorId& t : node.inputs) t = read(t, device_of(n));
    std::vector<std::string> names;
    for (const TensorId t : graph_.node(n).outputs) {
      const bool wanted = t != kNone<TensorId> && !is_new_state(t) && (names.empty() || read_in_backward_[t]);
      names.push_back(wanted ? builder_.fresh_name(graph_.tensor(t).name + ".again") : "");
    }
    const NodeId copied = append(std::move(node), graph_.node(n).outputs, names, Phase::kBackward, n);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) copy_[graph_.node(n).outputs[i]] = builder_.peek().node(copied).outputs[i];
    }
  }

  NodeId keep(NodeId n) {
    Node node = graph_.node(n);
    for (TensorId& t : node.inputs) {
      t = training_.phase[n] == Phase::kBackward ? read(t, device_of(n)) : t == kNone<TensorId> ? t : tensor_[t];
    }
    std::vector<std::string> names;
    for (const TensorId t : graph_.node(n).outputs) names.push_back(t == kNone<TensorId> ? "" : graph_.tensor(t).name);
    const NodeId kept =
        append(std::move(node), graph_.node(n).outputs, names, training_.phase[n], training_.placed_with[n]);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) tensor_[graph_.node(n).outputs[i]] = builder_.peek().node(kept).outputs[i];
    }
    return kept;
  }

  NodeId append(Node node, const std::vector<TensorId>& outputs, const std::vector<std::string>& names, Phase phase,
                NodeId placed_with) {
    std::vector<TensorType> types;
    for (const TensorId t : outputs) types.push_back(t == kNone<TensorId> ? TensorType{} : graph_.tensor(t).type);
    result_.phase.push_back(phase);
    result_.placed_with.push_back(placed_with);  // forward nodes keep their ids
    return builder_.add_checked(std::move(node), names, types);
  }

  // The tensor of the new graph that a reader in the backward pass finds.
  [[nodiscard]] TensorId read(TensorId tensor, DeviceId device) const {
    if (tensor == kNone<TensorId>) return tensor;
    return is_made_again(tensor, device) ? copy_[tensor] : tensor_[tensor];
  }

  void finish(const IdVector<NodeId, NodeId>& node) {
    result_.graph = std::move(builder_).build();
    carry_over(training_, tensor_, node, result_);
  }

  const TrainingGraph& training_;
  const Graph& graph_;
  const Placement& placement_;
  GraphBuilder builder_;
  IdVector<NodeId, bool> again_;
  IdVector<NodeId, bool> is_copied_;
  IdVector<TensorId, bool> read_in_backward_;
  IdVector<TensorId, TensorId> tensor_;  // old → new
  IdVector<TensorId, TensorId> copy_;    // old → what its producer's copy makes
  TrainingGraph result_;
};

}  // namespace

TrainingGraph recompute(const TrainingGraph& training, const Placement& placement, const std::vector<NodeId>& nodes) {
  MP_CHECK(placement.size() == static_cast<std::size_t>(training.forward_nodes));
  return Rewriter(training, placement, nodes).run();
}

}  // namespace mp
