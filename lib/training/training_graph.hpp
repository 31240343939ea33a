// Forward, backward and update of one microbatch as one graph (design rule: backward is graph, too).
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/graph/graph.hpp"
#include "lib/training/optimizer.hpp"

namespace mp {

// kForward and kBackward nodes run once a microbatch; kUpdate nodes once a step, after the last microbatch.
// A tensor a kBackward node makes and a kUpdate node reads is summed over the microbatches, in microbatch order; no
// view makes it, and nothing else reads it.
enum class Phase : std::uint8_t { kForward, kBackward, kUpdate };

struct TrainedParameter {
  TensorId parameter = kNone<TensorId>;
  TensorId gradient = kNone<TensorId>;  // what the update reads
  NodeId update = kNone<NodeId>;
  std::vector<TensorId> state;  // optimizer state: parameters of the graph that are not trained
};

// Guarantees: the first nodes are those of the forward graph, with their ids; `placed_with` of a node is the forward
// node whose device it runs on. Where several consumers contribute to the gradient of a tensor, the contributions are
// added by a left fold in reverse order of the consumers, each Add placed with the consumer that contributes last: a
// gradient crosses a cut as often as the activation did. Contributions to a shared parameter are summed over the
// microbatches first, then folded once a step. So the order of every summation is the same under every placement.
struct TrainingGraph {
  Graph graph;
  IdVector<NodeId, Phase> phase;
  IdVector<NodeId, NodeId> placed_with;
  IdVector<TensorId, NodeId> home;  // of parameters (and optimizer state): forward node they live with; else kNone
  std::vector<TrainedParameter> trained;
  std::int32_t forward_nodes = 0;
  // Inputs and outputs of forward nodes, neither parameters nor the loss, that are handed to the caller for each microbatch, as the loss
  // is: what metrics and sampling read.
  std::vector<TensorId> fetched{};
  std::int32_t microbatches = 1;
  double clip_norm = 0.0;                     // as Optimizer::clip_norm: for compile(), which knows the devices
  TensorId gradient_norm = kNone<TensorId>;  // a float32 scalar made by a kUpdate node, where compile() clips
  // Parameters with several owners, and their gradients: tensors that are nothing but others (their shares), one after
  // another in row-major order, and have no place of their own where those lie side by side. The shares of a parameter
  // are parameters, too; those of a gradient are outputs of a Split that nothing runs. Made by compile()
  // (lib/program/share_out.hpp), and the way back.
  std::map<TensorId, std::vector<TensorId>> shares{};
  std::map<TensorId, TensorId> whole_of_share{};
  [[nodiscard]] bool is_accumulated(TensorId tensor) const;  // made by kBackward, read by kUpdate
};

struct DifferentiateOptions {
  Optimizer optimizer;
  std::int32_t microbatches = 1;  // a mean loss divides the loss's gradient by it
};

// `forward` is bound to the shapes of one microbatch and has a loss. Nodes with measured costs and no gradient rule
// become opaque backward nodes that send each input's bytes back. A graph without loss gets backward nodes of that
// kind only where its nodes carry backward costs, and no updates. Throws InputError (place: the node's name) where a
// trained parameter reaches the loss through a node that is not differentiable.
[[nodiscard]] TrainingGraph differentiate(const Graph& forward, const DifferentiateOptions& options);

}  // namespace mp
