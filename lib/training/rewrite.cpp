#include "lib/training/rewrite.hpp"

#include <utility>

namespace mp {

IdVector<TensorId, TensorId> copy_inputs_and_parameters(const Graph& from, GraphBuilder& to) {
  IdVector<TensorId, TensorId> copy(from.tensors().size(), kNone<TensorId>);
  for (const GraphInput& input : from.inputs()) {
    const Tensor& tensor = from.tensor(input.tensor);
    copy[input.tensor] = to.add_input(tensor.name, tensor.type, input.data);
  }
  for (const GraphParameter& parameter : from.parameters()) {
    const Tensor& tensor = from.tensor(parameter.tensor);
    copy[parameter.tensor] = to.add_parameter(tensor.name, tensor.type, parameter.initializer, parameter.trainable,
                                              parameter.weight_decay, parameter.shard);
  }
  return copy;
}

void carry_over(const TrainingGraph& from, const IdVector<TensorId, TensorId>& tensor,
                const IdVector<NodeId, NodeId>& node, TrainingGraph& to) {
  to.home.assign(to.graph.tensors().size(), kNone<NodeId>);
  for (const GraphParameter& parameter : from.graph.parameters()) {
    to.home[tensor[parameter.tensor]] = from.home[parameter.tensor];
  }
  for (TrainedParameter trained : from.trained) {
    trained.parameter = tensor[trained.parameter];
    trained.gradient = tensor[trained.gradient];
    trained.update = node[trained.update];
    for (TensorId& state : trained.state) state = tensor[state];
    to.trained.push_back(std::move(trained));
  }
  for (const auto& [whole, shares] : from.shares) {
    std::vector<TensorId>& moved = to.shares[tensor[whole]];
    for (const TensorId share : shares) {
      moved.push_back(tensor[share]);
      to.whole_of_share.emplace(tensor[share], tensor[whole]);
    }
  }
  carry_over_step(from, tensor, to);
}

void carry_over_step(const TrainingGraph& from, const IdVector<TensorId, TensorId>& tensor, TrainingGraph& to) {
  for (const TensorId t : from.fetched) to.fetched.push_back(tensor[t]);
  to.forward_nodes = from.forward_nodes;
  to.microbatches = from.microbatches;
  to.clip_norm = from.clip_norm;
}

}  // namespace mp
