#include "lib/operators/gradient.hpp"

#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp {

GradientBuilder::GradientBuilder(GraphBuilder& graph, NodeId node, std::vector<TensorId> output_gradients,
                                 std::vector<bool> wanted)
    : graph_(graph),
      node_(node),
      node_copy_(graph.peek().node(node)),
      output_gradients_(std::move(output_gradients)),
      wanted_(std::move(wanted)),
      input_gradients_(node_copy_.inputs.size(), kNone<TensorId>) {
  MP_CHECK(output_gradients_.size() == node_copy_.outputs.size());
  MP_CHECK(wanted_.size() == node_copy_.inputs.size());
}

TensorId GradientBuilder::input(std::size_t i) const {
  return i < node_copy_.inputs.size() ? node_copy_.inputs[i] : kNone<TensorId>;
}

TensorId GradientBuilder::output(std::size_t i) const {
  return i < node_copy_.outputs.size() ? node_copy_.outputs[i] : kNone<TensorId>;
}

TensorId GradientBuilder::saved_output(std::size_t position, std::string_view suffix) {
  const TensorId present = output(position);
  if (present != kNone<TensorId>) return present;
  const TensorId added =
      graph_.want_output(node_, position, graph_.fresh_name(node_copy_.name + "." + std::string(suffix)));
  node_copy_ = graph_.peek().node(node_);
  return added;
}

TensorId GradientBuilder::output_gradient(std::size_t i) const {
  return i < output_gradients_.size() ? output_gradients_[i] : kNone<TensorId>;
}

void GradientBuilder::refuse_gradients_from(std::size_t first) const {
  for (std::size_t i = first; i < output_gradients_.size(); ++i) {
    if (output_gradients_[i] == kNone<TensorId>) continue;
    const std::string& name = graph_.peek().tensor(node_copy_.outputs[i]).name;
    throw InputError("<graph>",
                     Issue{node_copy_.name, "a path leads from its output '" + name + "' to the loss, but " +
                                                node_copy_.op_name + " has gradients of its first " +
                                                (first == 1 ? "output" : std::to_string(first) + " outputs") +
                                                " alone: compute the value by other operators"});
  }
}

bool GradientBuilder::wants(std::size_t i) const { return i < wanted_.size() && wanted_[i]; }

TensorId GradientBuilder::add(std::string_view op, std::string_view what, std::vector<TensorId> inputs,
                              Attributes attributes) {
  return add_many(op, std::move(inputs), {std::string(what)}, std::move(attributes))[0];
}

std::vector<TensorId> GradientBuilder::add_many(std::string_view op, std::vector<TensorId> inputs,
                                                const std::vector<std::string>& whats, Attributes attributes) {
  const std::string stem = node_copy_.name + ".grad.";
  std::vector<std::string> names;
  names.reserve(whats.size());
  for (const std::string& what : whats) names.push_back(what.empty() ? "" : graph_.fresh_name(stem + what));
  const auto first = std::find_if(names.begin(), names.end(), [](const std::string& name) { return !name.empty(); });
  MP_CHECK(first != names.end());
  Node node;
  node.name = *first;
  node.op_name = op;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const NodeId id = graph_.add_node(std::move(node), names);
  appended_.push_back(id);
  return graph_.peek().node(id).outputs;
}

void GradientBuilder::set_input_gradient(std::size_t i, TensorId gradient) {
  MP_CHECK(wants(i) && input_gradients_[i] == kNone<TensorId>);
  MP_CHECK(gradient == kNone<TensorId> || type(gradient).shape == type(input(i)).shape);
  input_gradients_[i] = gradient;
}

void GradientBuilder::differentiate_input(std::size_t i, std::string_view op, std::string_view what,
                                          std::vector<TensorId> inputs, Attributes attributes) {
  set_input_gradient(i, add(op, what, std::move(inputs), std::move(attributes)));
}

void GradientBuilder::set_broadcast_gradient(std::size_t i, TensorId gradient, std::string_view what) {
  const Shape from = type(gradient).shape;
  const Shape to = type(input(i)).shape;
  const std::size_t added = from.size() - to.size();
  std::vector<std::int64_t> repeated;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    const bool is_repeated = axis < added || (to[axis - added] == 1 && from[axis] != 1);
    if (is_repeated) repeated.push_back(static_cast<std::int64_t>(axis));
  }
  if (!repeated.empty()) {
    gradient =
        add("ReduceSum", std::string(what) + ".sum", {gradient}, {{"axes", repeated}, {"keepdims", std::int64_t{0}}});
  }
  set_input_gradient(i, reshaped(gradient, to, what));
}

TensorId GradientBuilder::reshaped(TensorId tensor, const Shape& shape, std::string_view what) {
  if (type(tensor).shape == shape) return tensor;
  return add("Reshape", std::string(what) + ".view", {tensor}, {{"shape", shape}});
}

TensorId GradientBuilder::scalar(double value, std::string_view what, DataType type) {
  const TensorId constant = add("Constant", what, {}, {{"value_float", value}});
  if (type == DataType::kFloat32) return constant;
  return add("Cast", what, {constant}, {{"to", std::string(name_of(type))}});
}

}  // namespace mp
