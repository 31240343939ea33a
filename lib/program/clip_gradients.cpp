#include "lib/program/clip_gradients.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/graph/node_outputs.hpp"
#include "lib/operators/gradient_norm.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/ownership.hpp"
#include "lib/training/rewrite.hpp"

namespace mp {
namespace {

// Rebuilds the graph with the updates at its end, behind what they wait for now.
class Clipper {
 public:
  Clipper(const TrainingGraph& training, const Ownership& ownership)
      : training_(training),
        graph_(training.graph),
        ownership_(ownership),
        builder_(training.graph.name()),
        is_update_(training.graph.nodes().size(), false),
        node_(training.graph.nodes().size(), kNone<NodeId>),
        tensor_(training.graph.tensors().size(), kNone<TensorId>) {
    for (const TrainedParameter& trained : training.trained) is_update_[trained.update] = true;
  }

  TrainingGraph run() && {
    tensor_ = copy_inputs_and_parameters(graph_, builder_);
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      if (!is_update_[n]) copy(n, kNone<TensorId>);
    }
    if (graph_.loss() != kNone<TensorId>) builder_.set_loss(tensor_[graph_.loss()], graph_.loss_reduction());
    append_norms();
    const TensorId factor = append_norm_of_all();
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      if (is_update_[n]) copy(n, factor);
    }
    finish();
    return std::move(result_);
  }

 private:
  void mark(Phase phase, NodeId placed_with) {
    result_.phase.push_back(phase);
    result_.placed_with.push_back(placed_with);
  }

  // The factor of an update is its operator's last input.
  void copy(NodeId n, TensorId factor) {
    Node node = graph_.node(n);
    for (TensorId& t : node.inputs) t = t == kNone<TensorId> ? t : tensor_[t];
    if (factor != kNone<TensorId>) {
      node.inputs.resize(node.op->inputs.max, kNone<TensorId>);
      node.inputs.back() = factor;
    }
    const auto [names, types] = outputs_of(graph_, n);
    mark(training_.phase[n], training_.placed_with[n]);
    node_[n] = builder_.add_checked(std::move(node), names, types);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) tensor_[graph_.node(n).outputs[i]] = builder_.peek().node(node_[n]).outputs[i];
    }
  }

  // One node for each owner, and where the norms of each gradient will be among those of all owners together.
  void append_norms() {
    std::map<DeviceId, std::vector<std::size_t>> by_owner;
    for (std::size_t i = 0; i < training_.trained.size(); ++i) {
      by_owner[ownership_.owner(training_.trained[i].parameter)].push_back(i);
    }
    std::vector<std::int64_t> first(training_.trained.size(), 0);
    std::int64_t position = 0;
    for (const auto& [owner, positions] : by_owner) {
      std::vector<TensorId> gradients;
      for (const std::size_t i : positions) {
        gradients.push_back(tensor_[training_.trained[i].gradient]);
        first[i] = position;
        position += norms_of_gradient(i);
      }
      const std::string name = builder_.fresh_name("gradient_norm.of." + std::to_string(index(owner)));
      norms_.push_back(builder_.add("GradientL2", name, std::move(gradients)));
      mark(Phase::kUpdate, training_.home[training_.trained[positions.front()].parameter]);
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
      for (std::int64_t norm = 0; norm < norms_of_gradient(i); ++norm) order_.push_back(first[i] + norm);
    }
  }

  [[nodiscard]] std::int64_t norms_of_gradient(std::size_t i) const {
    return norms_of(elements(graph_.tensor(training_.trained[i].gradient).type.shape));
  }

  // Returns the factor.
  TensorId append_norm_of_all() {
    Node node;
    node.name = builder_.fresh_name("gradient_norm");
    node.op_name = "GradientNorm";
    node.inputs = norms_;
    node.attributes = {{"clip_norm", training_.clip_norm}, {"order", order_}};
    const std::vector<std::string> names{node.name, builder_.fresh_name(node.name + ".factor")};
    const NodeId norm = builder_.add_node(std::move(node), names);
    mark(Phase::kUpdate, training_.home[training_.trained.front().parameter]);
    result_.gradient_norm = builder_.peek().node(norm).outputs[0];
    return builder_.peek().node(norm).outputs[1];
  }

  void finish() {
    result_.graph = std::move(builder_).build();
    carry_over(training_, tensor_, node_, result_);
  }

  const TrainingGraph& training_;
  const Graph& graph_;
  const Ownership& ownership_;
  GraphBuilder builder_;
  IdVector<NodeId, bool> is_update_;
  IdVector<NodeId, NodeId> node_;        // old → new
  IdVector<TensorId, TensorId> tensor_;  // old → new
  std::vector<TensorId> norms_;
  std::vector<std::int64_t> order_;
  TrainingGraph result_;
};

}  // namespace

TrainingGraph clip_gradients(TrainingGraph training, const Placement& placement, const Replication& replication,
                             std::int32_t zero) {
  if (training.clip_norm == 0.0 || training.trained.empty() || training.gradient_norm != kNone<TensorId>) {
    return training;
  }
  const Ownership ownership(training, placement, replication, zero);
  return Clipper(training, ownership).run();
}

}  // namespace mp
