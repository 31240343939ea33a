// What an operator's gradient rule sees and does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"

namespace mp {

// Handed to Operator::differentiate for one forward node. The rule reads the node's tensors and the gradients of its
// outputs, appends backward nodes (named "<node>.grad.<what>"), and says which tensor is the gradient of which input.
// Input gradients and weight gradients are separate nodes, so that schedules may split backward (zero bubble,
// Qi et al., ICLR 2024).
class GradientBuilder {
 public:
  // output_gradients: one per output; wanted: one per input.
  GradientBuilder(GraphBuilder& graph, NodeId node, std::vector<TensorId> output_gradients, std::vector<bool> wanted);

  // The forward node, by value: appending nodes moves the graph's storage.
  [[nodiscard]] const Node& node() const { return node_copy_; }
  [[nodiscard]] TensorId input(std::size_t i) const;   // kNone: absent
  [[nodiscard]] TensorId output(std::size_t i) const;  // kNone: not wanted by the model
  // The optional output `position`, added to the forward node if the model did not ask for it.
  [[nodiscard]] TensorId saved_output(std::size_t position, std::string_view suffix);
  // Throws InputError naming the node where a path leads to the loss from an output whose position is `first` or more:
  // outputs that are there to be looked at, or saved for the gradient, alone.
  void refuse_gradients_from(std::size_t first) const;
  // Gradient of output i; kNone when no path leads from it to the loss.
  [[nodiscard]] TensorId output_gradient(std::size_t i) const;
  // Does anybody want the gradient of input i? (Trained parameters and what depends on them; never data.)
  [[nodiscard]] bool wants(std::size_t i) const;
  [[nodiscard]] const TensorType& type(TensorId id) const { return graph_.type(id); }
  // Appends a one-output backward node named "<node>.grad.<what>".
  TensorId add(std::string_view op, std::string_view what, std::vector<TensorId> inputs, Attributes attributes = {});
  // Appends one with several outputs, named likewise ("" = not wanted).
  std::vector<TensorId> add_many(std::string_view op, std::vector<TensorId> inputs,
                                 const std::vector<std::string>& whats, Attributes attributes = {});
  // The gradient may be float32 where the input is bfloat16: sums over many terms need not be rounded.
  void set_input_gradient(std::size_t i, TensorId gradient);
  // Appends `op` (one output) and makes its output the gradient of input i, named after `what`.
  void differentiate_input(std::size_t i, std::string_view op, std::string_view what, std::vector<TensorId> inputs,
                           Attributes attributes = {});
  // Input i was broadcast: its gradient is `gradient` summed over the dimensions it was repeated along.
  void set_broadcast_gradient(std::size_t i, TensorId gradient, std::string_view what);
  // A view of `tensor` with another shape; `tensor` itself where it has that shape already.
  [[nodiscard]] TensorId reshaped(TensorId tensor, const Shape& shape, std::string_view what);
  // A constant scalar of a floating-point type.
  [[nodiscard]] TensorId scalar(double value, std::string_view what, DataType type = DataType::kFloat32);

  [[nodiscard]] const std::vector<TensorId>& input_gradients() const { return input_gradients_; }
  [[nodiscard]] const std::vector<NodeId>& appended() const { return appended_; }

 private:
  GraphBuilder& graph_;
  NodeId node_;
  Node node_copy_;
  std::vector<TensorId> output_gradients_;
  std::vector<bool> wanted_;
  std::vector<TensorId> input_gradients_;
  std::vector<NodeId> appended_;
};

}  // namespace mp
