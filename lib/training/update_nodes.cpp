#include "lib/training/update_nodes.hpp"

#include <string>
#include <utility>
#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {
namespace {

struct UpdateRule {
  std::string op;
  std::vector<std::string> state;  // suffixes
  Attributes attributes;
};

UpdateRule rule_of(const Optimizer& optimizer, double decay) {
  switch (optimizer.kind) {
    case OptimizerKind::kSgd: {
      UpdateRule rule{.op = "SgdUpdate", .state = {}, .attributes = {{"weight_decay", decay}}};
      if (optimizer.momentum != 0.0) {
        rule.attributes.set("momentum", optimizer.momentum);
        rule.state.emplace_back("momentum");
      }
      return rule;
    }
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return {.op = "AdamUpdate",
              .state = {"adam.m", "adam.v"},
              .attributes = {{"beta1", optimizer.beta1},
                             {"beta2", optimizer.beta2},
                             {"epsilon", optimizer.epsilon},
                             {"weight_decay", decay},
                             {"decoupled", std::int64_t{optimizer.kind == OptimizerKind::kAdamW ? 1 : 0}}}};
  }
  return {};
}

// The float32 value of a bfloat16 parameter: the first of its optimizer states.
TensorId add_master(GraphBuilder& builder, const GraphParameter& parameter, TrainedParameter& trained) {
  const Tensor tensor = builder.peek().tensor(parameter.tensor);
  const TensorId master =
      builder.add_parameter(builder.fresh_name(tensor.name + ".master"), {DataType::kFloat32, tensor.type.shape},
                            parameter.initializer, false, parameter.weight_decay, parameter.shard);
  trained.state.push_back(master);
  return master;
}

}  // namespace

TensorId master_of(const Graph& graph, const TrainedParameter& trained) {
  const bool has_master = graph.tensor(trained.parameter).type.type != DataType::kFloat32;
  return has_master ? trained.state.front() : kNone<TensorId>;
}

bool is_elementwise_update(const Node& update) {
  return update.op->name == "SgdUpdate" || update.op->name == "AdamUpdate";
}

TrainedParameter append_update(GraphBuilder& builder, const GraphParameter& parameter, TensorId gradient,
                               const Optimizer& optimizer) {
  const Tensor tensor = builder.peek().tensor(parameter.tensor);
  const ParameterGroup* group = group_of(optimizer, parameter.shard ? parameter.shard->of : tensor.name);
  const double default_decay = parameter.weight_decay ? optimizer.weight_decay : 0.0;
  UpdateRule rule = rule_of(optimizer, group != nullptr ? group->weight_decay.value_or(default_decay) : default_decay);
  if (group != nullptr && group->learning_rate_factor != 1.0) {
    rule.attributes.set("learning_rate_factor", group->learning_rate_factor);
  }
  TrainedParameter trained{.parameter = parameter.tensor, .gradient = gradient, .update = kNone<NodeId>, .state = {}};
  Node node;
  node.name = builder.fresh_name(tensor.name + ".update");
  node.op_name = rule.op;
  node.attributes = std::move(rule.attributes);
  const bool has_master = tensor.type.type != DataType::kFloat32;
  TensorId updated = parameter.tensor;
  if (has_master) updated = add_master(builder, parameter, trained);
  node.inputs = {updated, gradient};
  std::vector<std::string> outputs{builder.fresh_name(builder.peek().tensor(updated).name + ".updated")};
  for (const std::string& suffix : rule.state) {
    const std::string name = builder.fresh_name(tensor.name + "." + suffix);
    trained.state.push_back(
        builder.add_parameter(name, {DataType::kFloat32, tensor.type.shape}, Initializer{}, false, false));
    node.inputs.push_back(trained.state.back());
    outputs.push_back(builder.fresh_name(name + ".updated"));
  }
  if (has_master) {
    if (rule.state.empty()) {  // no velocity
      node.inputs.push_back(kNone<TensorId>);
      outputs.emplace_back();
    }
    node.inputs.push_back(parameter.tensor);
    outputs.push_back(builder.fresh_name(tensor.name + ".updated"));
  }
  trained.update = builder.add_node(std::move(node), outputs);
  return trained;
}

}  // namespace mp
