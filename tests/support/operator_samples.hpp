// Small instances of every operator a model may use: for gradients against finite differences, shapes and costs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"

namespace mp::test {

struct SampleInput {
  enum class Role : std::uint8_t {
    kTrained,  // a trained parameter: the loss is differentiated by it
    kData,     // float32 or bool data; bool: 0 or 1
    kIndices,  // int64 in [0, high)
    kState,    // a parameter the operator updates in place
    kAbsent,
  };
  Shape shape;
  Role role = Role::kTrained;
  double low = -1.0;  // values lie in [low, high)
  double high = 1.0;
  DataType type = DataType::kFloat32;
};

struct OperatorSample {
  std::string name;
  std::string op;
  std::vector<SampleInput> inputs;
  Attributes attributes = {};
  std::size_t outputs = 1;
  bool smooth = true;  // false: finite differences must keep their distance from kinks (Relu at 0, ties of a maximum)
};

inline SampleInput trained(Shape shape, double low = -1.0, double high = 1.0) {
  return {.shape = std::move(shape), .low = low, .high = high};
}
inline SampleInput data(Shape shape, double low = -1.0, double high = 1.0) {
  return {.shape = std::move(shape), .role = SampleInput::Role::kData, .low = low, .high = high};
}
inline SampleInput condition(Shape shape) {
  return {.shape = std::move(shape), .role = SampleInput::Role::kData, .low = 0, .high = 2, .type = DataType::kBool};
}
inline SampleInput indices(Shape shape, std::int64_t bound) {
  return {.shape = std::move(shape),
          .role = SampleInput::Role::kIndices,
          .low = 0,
          .high = static_cast<double>(bound),
          .type = DataType::kInt64};
}
inline SampleInput state(Shape shape) {
  return {.shape = std::move(shape), .role = SampleInput::Role::kState, .low = 0.5, .high = 1.5};
}
inline SampleInput absent() { return {.shape = {}, .role = SampleInput::Role::kAbsent}; }

using Ints = std::vector<std::int64_t>;
inline std::int64_t integer(std::int64_t value) { return value; }  // a literal is an int, and matches no attribute

inline void add_product_samples(std::vector<OperatorSample>& samples) {
  for (const std::int64_t ta : {0, 1}) {
    for (const std::int64_t tb : {0, 1}) {
      const Shape a = ta != 0 ? Shape{4, 3} : Shape{3, 4};
      const Shape b = tb != 0 ? Shape{5, 4} : Shape{4, 5};
      const std::string suffix = std::string(ta != 0 ? " transA" : "") + (tb != 0 ? " transB" : "");
      const Attributes flags = {{"transA", ta}, {"transB", tb}, {"alpha", 0.5}};
      samples.push_back({"Gemm" + suffix, "Gemm", {trained(a), trained(b), trained({5})}, flags});
      samples.push_back({"FusedMatMul" + suffix, "FusedMatMul", {trained(a), trained(b)}, flags});
    }
  }
  samples.push_back({"Gemm without C", "Gemm", {trained({3, 4}), trained({4, 2})}});
  samples.push_back(
      {"Gemm beta, C[m,1]", "Gemm", {trained({3, 4}), trained({4, 2}), trained({3, 1})}, {{"beta", 0.25}}});
  samples.push_back({"MatMul", "MatMul", {trained({3, 4}), trained({4, 2})}});
  samples.push_back({"MatMul with weights", "MatMul", {trained({2, 3, 4}), trained({4, 5})}});
  samples.push_back({"MatMul batched", "MatMul", {trained({2, 3, 4}), trained({2, 4, 5})}});
  samples.push_back({"MatMul broadcast", "MatMul", {trained({2, 1, 3, 4}), trained({3, 4, 2})}});
}

inline void add_window_samples(std::vector<OperatorSample>& samples) {
  const auto conv = [&](std::string name, std::string op, Shape x, Shape w, std::int64_t bias, Attributes attributes) {
    std::vector<SampleInput> inputs = {trained(std::move(x)), trained(std::move(w))};
    if (bias > 0) inputs.push_back(trained({bias}));
    samples.push_back({std::move(name), std::move(op), std::move(inputs), std::move(attributes)});
  };
  conv("Conv", "Conv", {2, 3, 5, 6}, {4, 3, 3, 3}, 4, {{"pads", Ints{1, 1, 1, 1}}});
  conv("Conv stride rounds off", "Conv", {1, 2, 6, 7}, {2, 2, 3, 2}, 0, {{"strides", Ints{2, 3}}});
  conv("Conv groups, dilated", "Conv", {2, 4, 7, 7}, {6, 2, 3, 3}, 6,
       {{"group", integer(2)}, {"dilations", Ints{2, 1}}, {"pads", Ints{0, 1, 2, 1}}});
  conv("Conv depthwise", "Conv", {1, 3, 4, 4}, {3, 1, 3, 3}, 3, {{"group", integer(3)}, {"pads", Ints{1, 1, 1, 1}}});
  conv("Conv 1-d", "Conv", {2, 3, 9}, {4, 3, 4}, 4, {{"strides", Ints{2}}, {"pads", Ints{1, 2}}});
  conv("ConvTranspose", "ConvTranspose", {2, 3, 4, 3}, {3, 2, 3, 3}, 2, {{"strides", Ints{2, 2}}});
  conv("ConvTranspose padded", "ConvTranspose", {1, 4, 3, 3}, {4, 3, 3, 3}, 0,
       {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}, {"output_padding", Ints{1, 1}}});
  conv("ConvTranspose groups", "ConvTranspose", {1, 4, 3, 3}, {4, 2, 2, 2}, 4,
       {{"group", integer(2)}, {"dilations", Ints{1, 2}}});
  conv("ConvTranspose 1-d", "ConvTranspose", {2, 2, 4}, {2, 3, 3}, 3, {{"strides", Ints{2}}});
  const Ints k2 = {2, 2};
  const Ints k3 = {3, 3};
  samples.push_back({"MaxPool", "MaxPool", {trained({2, 3, 4, 6})}, {{"kernel_shape", k2}, {"strides", k2}}, 1, false});
  samples.push_back({"MaxPool overlapping, padded",
                     "MaxPool",
                     {trained({1, 2, 5, 5})},
                     {{"kernel_shape", k3}, {"strides", k2}, {"pads", Ints{1, 1, 1, 1}}},
                     1,
                     false});
  samples.push_back({"MaxPool dilated, 1-d",
                     "MaxPool",
                     {trained({1, 2, 9})},
                     {{"kernel_shape", Ints{3}}, {"dilations", Ints{2}}},
                     1,
                     false});
  for (const std::int64_t counted : {0, 1}) {
    samples.push_back(
        {counted != 0 ? "AveragePool counting pads" : "AveragePool",
         "AveragePool",
         {trained({2, 2, 5, 4})},
         {{"kernel_shape", k3}, {"strides", k2}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", counted}}});
  }
  conv("Conv same", "Conv", {1, 2, 5, 6}, {2, 2, 3, 2}, 0,
       {{"auto_pad", std::string("SAME_LOWER")}, {"strides", Ints{2, 2}}});
  conv("ConvTranspose to a shape", "ConvTranspose", {1, 2, 3, 3}, {2, 2, 3, 3}, 0,
       {{"strides", Ints{2, 2}}, {"output_shape", Ints{6, 7}}});
  samples.push_back({"MaxPool ceil",
                     "MaxPool",
                     {trained({1, 2, 6})},
                     {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"ceil_mode", integer(1)}},
                     1,
                     false});
  samples.push_back(
      {"Resize", "Resize", {trained({1, 2, 3, 4})}, {{"sizes", Ints{1, 2, 6, 6}}, {"mode", std::string("linear")}}});
  samples.push_back({"GlobalAveragePool", "GlobalAveragePool", {trained({2, 3, 4, 5})}});
}

inline void add_normalization_samples(std::vector<OperatorSample>& samples) {
  const auto batch_normalization = [&](std::string name, Shape x) {
    samples.push_back({std::move(name),
                       "BatchNormalization",
                       {trained(std::move(x)), trained({3}), trained({3}), state({3}), state({3})},
                       {{"training_mode", integer(1)}},
                       3});
  };
  batch_normalization("BatchNormalization", {2, 3, 4, 5});
  batch_normalization("BatchNormalization of rows", {6, 3});
  samples.push_back({"LayerNormalization", "LayerNormalization", {trained({2, 3, 8}), trained({8}), trained({8})}});
  samples.push_back({"LayerNormalization without B, axis 1",
                     "LayerNormalization",
                     {trained({3, 2, 4}), trained({2, 4})},
                     {{"axis", integer(1)}}});
  samples.push_back({"RMSNormalization", "RMSNormalization", {trained({2, 3, 8}), trained({8})}});
  samples.push_back({"GroupNormalization",
                     "GroupNormalization",
                     {trained({2, 4, 3, 3}), trained({4}), trained({4})},
                     {{"num_groups", integer(2)}}});
  samples.push_back(
      {"InstanceNormalization", "InstanceNormalization", {trained({2, 3, 5}), trained({3}), trained({3})}});
  samples.push_back({"Softmax", "Softmax", {trained({3, 5})}});
  samples.push_back({"Softmax axis 1", "Softmax", {trained({2, 4, 3})}, {{"axis", integer(1)}}});
  samples.push_back({"LogSoftmax", "LogSoftmax", {trained({3, 5})}});
  samples.push_back({"LogSoftmax axis 0", "LogSoftmax", {trained({4, 3})}, {{"axis", integer(0)}}});
}

inline void add_sequence_samples(std::vector<OperatorSample>& samples) {
  const auto attention = [&](std::string name, Shape q, Shape k, Shape v, Attributes attributes) {
    samples.push_back({std::move(name),
                       "Attention",
                       {trained(std::move(q)), trained(std::move(k)), trained(std::move(v))},
                       std::move(attributes)});
  };
  attention("Attention", {2, 5, 8}, {2, 5, 8}, {2, 5, 8}, {{"q_num_heads", integer(2)}, {"kv_num_heads", integer(2)}});
  attention("Attention causal", {2, 5, 6}, {2, 5, 6}, {2, 5, 6},
            {{"q_num_heads", integer(2)}, {"kv_num_heads", integer(2)}, {"is_causal", integer(1)}});
  attention("Attention grouped, scaled, across", {1, 3, 8}, {1, 4, 4}, {1, 4, 6},
            {{"q_num_heads", integer(4)}, {"kv_num_heads", integer(2)}, {"scale", 0.3}});
  attention("Attention causal, more keys", {1, 3, 4}, {1, 5, 4}, {1, 5, 4},
            {{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}, {"is_causal", integer(1)}});
  samples.push_back(
      {"RotaryEmbedding", "RotaryEmbedding", {trained({2, 3, 8})}, {{"num_heads", integer(2)}, {"theta", 100.0}}});
  samples.push_back({"RotaryEmbedding with tables",
                     "RotaryEmbedding",
                     {trained({2, 3, 4, 6}), data({9, 2}), data({9, 2}), indices({2, 4}, 9)},
                     {{"rotary_embedding_dim", integer(4)}, {"interleaved", integer(1)}}});
  samples.push_back({"Attention masked",
                     "Attention",
                     {trained({2, 3, 4}), trained({2, 3, 4}), trained({2, 3, 4}), condition({3, 3})},
                     {{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}}});
  samples.push_back(
      {"LSTM", "LSTM", {trained({3, 2, 3}), trained({1, 8, 3}), trained({1, 8, 2}), trained({1, 16})}, {}, 3});
  samples.push_back({"LSTM both ways",
                     "LSTM",
                     {trained({2, 3, 3}), trained({2, 8, 3}), trained({2, 8, 2}), absent(), absent(),
                      trained({2, 2, 2}), trained({2, 2, 2})},
                     {{"direction", std::string("bidirectional")}, {"layout", integer(1)}}});
  samples.push_back(
      {"GRU", "GRU", {trained({3, 2, 3}), trained({1, 6, 3}), trained({1, 6, 2}), trained({1, 12})}, {}, 2});
  samples.push_back({"Gather", "Gather", {trained({7, 3}), indices({2, 4}, 7)}});
  samples.push_back({"Gather axis 1", "Gather", {trained({2, 5, 3}), indices({4}, 5)}, {{"axis", integer(1)}}});
}

inline void add_elementwise_samples(std::vector<OperatorSample>& samples) {
  const Shape shape = {3, 4};
  for (const char* op : {"Relu", "LeakyRelu", "Elu", "Abs"})
    samples.push_back({op, op, {trained(shape)}, {}, 1, false});
  for (const char* op : {"Sigmoid", "Tanh", "Gelu", "Swish", "Exp", "Erf", "Neg"}) {
    samples.push_back({op, op, {trained(shape, -2.0, 2.0)}});
  }
  samples.push_back({"Gelu tanh", "Gelu", {trained(shape, -2.0, 2.0)}, {{"approximate", std::string("tanh")}}});
  samples.push_back({"LeakyRelu alpha", "LeakyRelu", {trained(shape)}, {{"alpha", 0.2}}, 1, false});
  samples.push_back({"Elu alpha", "Elu", {trained(shape)}, {{"alpha", 0.5}}, 1, false});
  samples.push_back({"Swish alpha", "Swish", {trained(shape)}, {{"alpha", 1.5}}});
  for (const char* op : {"Sqrt", "Log"}) samples.push_back({op, op, {trained(shape, 0.5, 2.0)}});
  samples.push_back({"Dropout", "Dropout", {trained({6, 7})}, {{"ratio", 0.25}}});
  const Shape row = {4};
  const Shape column = {3, 1};
  const auto binary = [&](const std::string& op, double low, double high) {
    samples.push_back({op, op, {trained(shape, low, high), trained(shape, low, high)}});
    samples.push_back({op + " row", op, {trained(shape, low, high), trained(row, low, high)}});
    samples.push_back({op + " column first", op, {trained(column, low, high), trained({2, 3, 4}, low, high)}});
    samples.push_back({op + " scalar", op, {trained(shape, low, high), trained({}, low, high)}});
  };
  for (const char* op : {"Add", "Sub", "Mul"}) binary(op, -1.0, 1.0);
  for (const char* op : {"Div", "Pow"}) binary(op, 0.5, 2.0);
  samples.push_back({"Where", "Where", {condition(shape), trained(shape), trained(shape)}});
  samples.push_back({"Where broadcast", "Where", {condition(shape), trained(row), trained(column)}});
  samples.push_back({"Cast", "Cast", {trained(shape)}, {{"to", std::string("float32")}}});
  samples.push_back({"Constant", "Constant", {}, {{"value_float", 0.5}, {"shape", shape}}});
}

inline void add_shape_samples(std::vector<OperatorSample>& samples) {
  const Shape shape = {2, 3, 4};
  const auto one = [&](std::string name, std::string op, Shape x, Attributes attributes, std::size_t outputs = 1) {
    samples.push_back({std::move(name), std::move(op), {trained(std::move(x))}, std::move(attributes), outputs});
  };
  one("Reshape", "Reshape", shape, {{"shape", Ints{0, -1}}});
  one("Flatten", "Flatten", shape, {});
  one("Flatten axis 2", "Flatten", shape, {{"axis", integer(2)}});
  one("Squeeze", "Squeeze", {2, 1, 3, 1}, {{"axes", Ints{1}}});
  one("Unsqueeze", "Unsqueeze", {2, 3}, {{"axes", Ints{0, -1}}});
  one("Identity", "Identity", shape, {});
  one("Transpose", "Transpose", shape, {});
  one("Transpose perm", "Transpose", {2, 3, 4, 5}, {{"perm", Ints{0, 2, 3, 1}}});
  samples.push_back({"Concat", "Concat", {trained({2, 3}), trained({2, 1}), trained({2, 4})}, {{"axis", integer(1)}}});
  one("Split", "Split", {2, 6}, {{"axis", integer(1)}}, 3);
  one("Split sizes", "Split", {5, 2}, {{"split", Ints{1, 4}}}, 2);
  one("Slice", "Slice", {4, 6}, {{"starts", Ints{1, -3}}, {"ends", Ints{3, 100}}});
  one("Slice steps", "Slice", {3, 8}, {{"starts", Ints{1}}, {"ends", Ints{8}}, {"axes", Ints{1}}, {"steps", Ints{3}}});
  one("Expand", "Expand", {3, 1}, {{"shape", Ints{2, 1, 4}}});
  one("Pad", "Pad", {2, 3}, {{"pads", Ints{1, 0, 0, 2}}, {"value", 0.5}});
  one("Pad edge", "Pad", {2, 3}, {{"pads", Ints{1, 0, 0, 2}}, {"mode", std::string("edge")}});
  for (const char* op : {"ReduceSum", "ReduceMean"}) {
    one(op, op, shape, {});
    one(std::string(op) + " axes", op, shape, {{"axes", Ints{0, -1}}, {"keepdims", integer(0)}});
    one(std::string(op) + " kept", op, shape, {{"axes", Ints{1}}});
  }
  samples.push_back({"ReduceMax", "ReduceMax", {trained(shape)}, {}, 1, false});
  samples.push_back(
      {"ReduceMax axes", "ReduceMax", {trained(shape)}, {{"axes", Ints{1}}, {"keepdims", integer(0)}}, 1, false});
}

inline void add_loss_samples(std::vector<OperatorSample>& samples) {
  for (const char* reduction : {"mean", "sum"}) {
    const Attributes attributes = {{"reduction", std::string(reduction)}};
    const std::string suffix = std::string(" ") + reduction;
    samples.push_back({"SoftmaxCrossEntropyLoss" + suffix,
                       "SoftmaxCrossEntropyLoss",
                       {trained({6, 5}), indices({6}, 5)},
                       attributes});
    Attributes ignoring = attributes;
    ignoring.set("ignore_index", integer(1));
    samples.push_back({"SoftmaxCrossEntropyLoss ignoring" + suffix,
                       "SoftmaxCrossEntropyLoss",
                       {trained({3, 4, 5}), indices({3, 5}, 4)},
                       ignoring});
    samples.push_back({"SoftmaxCrossEntropyLoss weighted" + suffix,
                       "SoftmaxCrossEntropyLoss",
                       {trained({6, 5}), indices({6}, 5), data({5}, 0.5, 2.0)},
                       attributes});
    samples.push_back(
        {"MeanSquaredError" + suffix, "MeanSquaredError", {trained({3, 4}), trained({3, 4})}, attributes});
    samples.push_back(
        {"MeanAbsoluteError" + suffix, "MeanAbsoluteError", {trained({3, 4}), trained({3, 4})}, attributes, 1, false});
    samples.push_back({"BinaryCrossEntropy" + suffix,
                       "BinaryCrossEntropy",
                       {trained({3, 4}, 0.1, 0.9), data({3, 4}, 0.0, 1.0)},
                       attributes});
    Attributes logits = attributes;
    logits.set("logits", integer(1));
    samples.push_back({"BinaryCrossEntropy logits" + suffix,
                       "BinaryCrossEntropy",
                       {trained({3, 4}, -2.0, 2.0), data({3, 4}, 0.0, 1.0)},
                       logits});
  }
}

// At least one sample of every operator that is differentiable.
inline std::vector<OperatorSample> operator_samples() {
  std::vector<OperatorSample> samples;
  add_product_samples(samples);
  add_window_samples(samples);
  add_normalization_samples(samples);
  add_sequence_samples(samples);
  add_elementwise_samples(samples);
  add_shape_samples(samples);
  add_loss_samples(samples);
  return samples;
}

// The inputs of a sample in a graph: "in.0", "in.1", …
inline std::vector<TensorId> add_sample_inputs(GraphBuilder& builder, const OperatorSample& sample) {
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    const SampleInput& input = sample.inputs[i];
    const std::string name = "in." + std::to_string(i);
    const TensorType type = {input.type, input.shape};
    const Initializer values = {Initializer::Kind::kUniform, input.low, input.high};
    switch (input.role) {
      case SampleInput::Role::kTrained:
        ids.push_back(builder.add_parameter(name, type, values));
        break;
      case SampleInput::Role::kState:
        ids.push_back(builder.add_parameter(name, type, values, false, false));
        break;
      case SampleInput::Role::kData:
      case SampleInput::Role::kIndices:
        ids.push_back(builder.add_input(name, type));
        break;
      case SampleInput::Role::kAbsent:
        ids.push_back(kNone<TensorId>);
        break;
    }
  }
  return ids;
}

// The node "node" over those inputs, with outputs "out.0", …, and the loss Σᵢ Σ outᵢ·weightsᵢ over the outputs that are
// not updated states, with data inputs "weights.0", …: its gradient is that of a random projection of the outputs.
inline Graph sample_graph(const OperatorSample& sample) {
  GraphBuilder builder(sample.name);
  Node node;
  node.name = "node";
  node.op_name = sample.op;
  node.inputs = add_sample_inputs(builder, sample);
  node.attributes = sample.attributes;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sample.outputs; ++i) names.push_back("out." + std::to_string(i));
  const NodeId id = builder.add_node(std::move(node), names);
  const Node added = builder.peek().node(id);
  TensorId loss = kNone<TensorId>;
  for (std::size_t i = 0; i < sample.outputs; ++i) {
    bool is_state = false;
    for (const InPlace& pair : added.op->in_place) is_state = is_state || pair.output == i;
    if (is_state) continue;
    std::string suffix = ".";  // not "." + …: g++ 12 sees an overflow there that is none
    suffix += std::to_string(i);
    const TensorId weights = builder.add_input("weights" + suffix, builder.type(added.outputs[i]));
    const TensorId weighted = builder.add("Mul", "weighted" + suffix, {added.outputs[i], weights});
    const TensorId sum = builder.add("ReduceSum", "sum" + suffix, {weighted}, {{"keepdims", integer(0)}});
    loss = loss == kNone<TensorId> ? sum : builder.add("Add", "loss" + suffix, {loss, sum});
  }
  builder.set_loss(loss, LossReduction::kSum);
  return std::move(builder).build();
}

}  // namespace mp::test
