#include "tests/runtime/cpu/support/samples.hpp"

#include <fmt/core.h>

#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"

namespace mp::runtime::testing {
namespace {

using Fill = SampleInput::Fill;

std::string input_name(std::size_t position) { return fmt::format("in{}", position); }

TensorId add_sample_input(GraphBuilder& builder, const SampleInput& input, std::size_t position) {
  const std::string name = input_name(position);
  switch (input.fill) {
    case Fill::kAbsent:
      return kNone<TensorId>;
    case Fill::kIndices:
      return builder.add_input(name, {DataType::kInt64, input.shape});
    case Fill::kBool:
      return builder.add_input(name, {DataType::kBool, input.shape});
    case Fill::kNormal:
    case Fill::kPositive:
    case Fill::kProbability:
      break;
  }
  return builder.add_parameter(name, {DataType::kFloat32, input.shape}, {}, input.trainable);
}

double draw(const SampleInput& input, const RandomStream& stream, std::uint64_t i) {
  switch (input.fill) {
    case Fill::kNormal:
      return static_cast<double>(static_cast<float>(stream.normal(i)));
    case Fill::kPositive:
      return static_cast<double>(static_cast<float>(0.3 + 2.0 * stream.uniform(i)));
    case Fill::kProbability:
      return static_cast<double>(static_cast<float>(0.05 + 0.9 * stream.uniform(i)));
    case Fill::kIndices:
      return static_cast<double>(
          input.low + static_cast<std::int64_t>(stream.below(i, static_cast<std::uint64_t>(input.high - input.low))));
    case Fill::kBool:
      return static_cast<double>(stream.below(i, 2));
    case Fill::kAbsent:
      break;
  }
  return 0.0;
}

Array draw_array(const SampleInput& input, std::uint64_t seed, const std::string& name) {
  const RandomStream stream(seed, name);
  Array array(input.shape);
  if (input.fill == Fill::kBool) array.type = DataType::kBool;
  for (std::int64_t i = 0; i < array.size(); ++i) array.at(i) = draw(input, stream, static_cast<std::uint64_t>(i));
  return array;
}

// The outputs behind these are saved for the gradient.
std::size_t differentiable_outputs(const Sample& sample) {
  if (sample.op == "Split") return sample.outputs;
  if (sample.op == "LSTM") return 3;
  return sample.op == "GRU" ? 2 : 1;
}

}  // namespace

std::string name_of(const Sample& sample) {
  std::string name = sample.op;
  for (const SampleInput& input : sample.inputs) {
    name += fmt::format(" {}", input.fill == Fill::kAbsent ? "-" : to_string(input.shape));
  }
  return name;
}

Graph sample_graph(const Sample& sample) {
  GraphBuilder builder("sample");
  Node node;
  node.name = "node";
  node.op_name = sample.op;
  node.attributes = sample.attributes;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    node.inputs.push_back(add_sample_input(builder, sample.inputs[i], i));
  }
  std::vector<std::string> outputs;
  for (std::size_t i = 0; i < sample.outputs; ++i) outputs.push_back(fmt::format("out{}", i));
  const NodeId id = builder.add_node(std::move(node), outputs);
  TensorId loss = kNone<TensorId>;
  for (std::size_t i = 0; i < sample.outputs; ++i) {
    const TensorId y = builder.peek().node(id).outputs[i];
    if (builder.type(y).type != DataType::kFloat32 || i >= differentiable_outputs(sample)) continue;
    const std::string suffix = fmt::format("{}", i);
    const TensorId weights = builder.add_parameter("weights" + suffix, builder.type(y), {}, false);
    const TensorId term =
        builder.add("ReduceSum", "sum" + suffix, {builder.add("Mul", "weighted" + suffix, {y, weights})},
                    {{"keepdims", std::int64_t{0}}});
    loss = loss == kNone<TensorId> ? term : builder.add("Add", "loss" + suffix, {loss, term});
  }
  if (loss != kNone<TensorId>) builder.set_loss(builder.add("Identity", "loss", {loss}), LossReduction::kSum);
  return std::move(builder).build();
}

IdVector<TensorId, Array> sample_values(const Graph& graph, const Sample& sample, std::uint64_t seed) {
  IdVector<TensorId, Array> values(graph.tensors().size());
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    if (const auto id = graph.find_tensor(input_name(i)))
      values[*id] = draw_array(sample.inputs[i], seed, input_name(i));
  }
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.kind == TensorKind::kActivation || !values[id].values.empty()) continue;
    values[id] = draw_array({.shape = tensor.type.shape}, seed, tensor.name);
  }
  return values;
}

void set_values(GraphRunner& runner, const Graph& graph, const IdVector<TensorId, Array>& values) {
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.kind == TensorKind::kActivation || index(id) >= values.size()) continue;
    const std::vector<double>& from = values[id].values;
    if (from.empty()) continue;
    if (tensor.type.type == DataType::kInt64) {
      runner.set(id, std::vector<std::int64_t>(from.begin(), from.end()));
    } else if (tensor.type.type == DataType::kBool) {
      runner.set(id, std::vector<bool>(from.begin(), from.end()));
    } else {
      runner.set(id, std::vector<float>(from.begin(), from.end()));
    }
  }
}

}  // namespace mp::runtime::testing
