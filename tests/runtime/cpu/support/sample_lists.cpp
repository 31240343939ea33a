#include <utility>

#include "tests/runtime/cpu/support/samples.hpp"

namespace mp::runtime::testing {
namespace {

using Fill = SampleInput::Fill;
using Ints = std::vector<std::int64_t>;

SampleInput normal(Shape shape) { return {.shape = std::move(shape)}; }
SampleInput fixed(Shape shape, Fill fill = Fill::kNormal) {
  return {.shape = std::move(shape), .fill = fill, .trainable = false};
}
SampleInput positive(Shape shape) { return {.shape = std::move(shape), .fill = Fill::kPositive}; }
SampleInput probability(Shape shape) { return {.shape = std::move(shape), .fill = Fill::kProbability}; }
SampleInput indices(Shape shape, std::int64_t low, std::int64_t high) {
  return {.shape = std::move(shape), .fill = Fill::kIndices, .low = low, .high = high};
}
SampleInput absent() { return {.shape = {}, .fill = Fill::kAbsent}; }
std::string text(const char* value) { return value; }

void append(std::vector<Sample>& to, std::vector<Sample> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Sample> products() {
  return {
      {"Gemm", {normal({3, 5}), normal({5, 4}), normal({4})}},
      {"Gemm",
       {normal({5, 3}), normal({4, 5}), normal({3, 1})},
       {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}, {"alpha", 0.5}, {"beta", -2.0}}},
      {"Gemm", {normal({2, 3}), normal({4, 3})}, {{"transB", std::int64_t{1}}}},
      {"Gemm", {normal({3, 2}), normal({3, 4}), normal({})}, {{"transA", std::int64_t{1}}}},
      {"MatMul", {normal({3, 4}), normal({4, 2})}},
      {"MatMul", {normal({2, 3, 4}), normal({4, 5})}},
      {"MatMul", {normal({2, 1, 3, 4}), normal({3, 4, 2})}},
      {"MatMul", {normal({3, 4}), normal({2, 4, 5})}},
      {"MatMul", {normal({9, 2, 3}), normal({9, 3, 2})}},
  };
}

std::vector<Sample> convolutions() {
  std::vector<Sample> list{
      {"Conv", {normal({2, 3, 6, 5}), normal({4, 3, 3, 3}), normal({4})}, {{"pads", Ints{1, 1, 1, 1}}}},
      {"Conv", {normal({1, 2, 7, 7}), normal({2, 2, 3, 2})}, {{"strides", Ints{2, 2}}, {"pads", Ints{0, 1, 1, 0}}}},
      {"Conv",
       {normal({2, 4, 6, 6}), normal({6, 2, 3, 3}), normal({6})},
       {{"group", std::int64_t{2}}, {"dilations", Ints{2, 1}}}},
      {"Conv", {normal({2, 4, 5, 5}), normal({4, 1, 3, 3})}, {{"group", std::int64_t{4}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"Conv", {normal({2, 8, 5, 5}), normal({8, 8, 1, 1})}, {{"strides", Ints{2, 2}}}},
      {"Conv", {normal({2, 3, 9}), normal({4, 3, 3}), normal({4})}, {{"strides", Ints{2}}, {"pads", Ints{1, 2}}}},
      {"ConvTranspose", {normal({2, 3, 4, 3}), normal({3, 4, 2, 2}), normal({4})}, {{"strides", Ints{2, 2}}}},
      {"ConvTranspose",
       {normal({1, 4, 3, 4}), normal({4, 2, 3, 3})},
       {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 1, 1}}, {"output_padding", Ints{1, 2}}}},
      {"ConvTranspose",
       {normal({2, 4, 4, 4}), normal({4, 3, 3, 3})},
       {{"group", std::int64_t{2}}, {"dilations", Ints{2, 1}}}},
      {"ConvTranspose",
       {normal({2, 2, 5}), normal({2, 3, 4}), normal({3})},
       {{"strides", Ints{3}}, {"pads", Ints{1, 0}}}},
  };
  for (Sample& sample : list) sample.tolerance = 5e-5;  // sums of up to a hundred float32 products
  return list;
}

std::vector<Sample> normalizations() {
  return {
      {"BatchNormalization",
       {normal({4, 3, 2, 3}), normal({3}), normal({3}), fixed({3}), fixed({3}, Fill::kPositive)},
       {{"training_mode", std::int64_t{1}}},
       3,
       2e-4},
      {"BatchNormalization",
       {normal({6, 5}), normal({5}), normal({5}), fixed({5}), fixed({5}, Fill::kPositive)},
       {{"training_mode", std::int64_t{1}}, {"epsilon", 0.1}, {"momentum", 0.5}},
       1,
       2e-4},
      {"LayerNormalization", {normal({3, 4, 8}), normal({8}), normal({8})}, {}, 1, 1e-4},
      {"LayerNormalization",
       {normal({3, 4, 5}), normal({4, 5})},
       {{"axis", std::int64_t{1}}, {"epsilon", 1e-3}},
       1,
       1e-4},
      {"LayerNormalization", {normal({3, 6}), normal({6}), absent()}, {}, 1, 1e-4},
      {"LayerNormalization", {normal({2, 19}), normal({19}), normal({19})}, {{"axis", std::int64_t{-1}}}, 3, 1e-4},
      {"RMSNormalization", {normal({3, 4, 8}), normal({8})}, {}, 1, 1e-4},
      {"RMSNormalization",
       {normal({3, 4, 5}), normal({4, 5})},
       {{"axis", std::int64_t{1}}, {"epsilon", 1e-3}},
       2,
       1e-4},
      {"GroupNormalization",
       {normal({2, 6, 3, 2}), normal({6}), normal({6})},
       {{"num_groups", std::int64_t{2}}},
       1,
       2e-4},
      {"GroupNormalization",
       {normal({3, 4}), normal({4}), normal({4})},
       {{"num_groups", std::int64_t{1}}, {"epsilon", 0.1}},
       3,
       2e-4},
      {"InstanceNormalization", {normal({2, 3, 4, 3}), normal({3}), normal({3})}, {}, 1, 2e-4},
      {"InstanceNormalization", {normal({2, 2, 7}), normal({2}), normal({2})}, {{"epsilon", 0.01}}, 3, 2e-4},
      {"Softmax", {normal({3, 7})}},
      {"Softmax", {normal({2, 3, 4})}, {{"axis", std::int64_t{1}}}},
      {"LogSoftmax", {normal({3, 7})}, {{"axis", std::int64_t{-1}}}},
      {"LogSoftmax", {normal({5, 2, 2})}, {{"axis", std::int64_t{0}}}},
  };
}

std::vector<Sample> attentions() {
  return {
      {"Attention",
       {normal({2, 5, 6}), normal({2, 5, 6}), normal({2, 5, 6})},
       {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}, {"is_causal", std::int64_t{1}}}},
      {"Attention",
       {normal({1, 4, 8}), normal({1, 7, 4}), normal({1, 7, 6})},
       {{"q_num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{2}}, {"scale", 0.3}}},
      {"Attention",
       {normal({1, 3, 4}), normal({1, 5, 2}), normal({1, 5, 2})},
       {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{1}}, {"is_causal", std::int64_t{1}}},
       2},
      {"RotaryEmbedding", {normal({2, 5, 12})}, {{"num_heads", std::int64_t{3}}}},
      {"RotaryEmbedding",
       {normal({2, 3, 5, 8})},
       {{"interleaved", std::int64_t{1}}, {"rotary_embedding_dim", std::int64_t{6}}, {"theta", 50.0}}},
      {"RotaryEmbedding", {normal({2, 5, 8}), fixed({2, 5, 2}), fixed({2, 5, 2})}, {{"num_heads", std::int64_t{2}}}},
      {"RotaryEmbedding",
       {normal({2, 3, 4, 4}), fixed({9, 2}), fixed({9, 2}), indices({2, 4}, 0, 9)},
       {{"interleaved", std::int64_t{1}}}},
      {"Gather", {normal({6, 3}), indices({2, 4}, -6, 6)}},
      {"Gather", {normal({2, 5, 3}), indices({4}, 0, 5)}, {{"axis", std::int64_t{1}}}},
      {"Gather", {normal({4, 3}), indices({}, 0, 3)}, {{"axis", std::int64_t{-1}}}},
  };
}

std::vector<Sample> elementwise() {
  std::vector<Sample> list{{"LeakyRelu", {normal({3, 5})}, {{"alpha", 0.2}}},
                           {"Elu", {normal({3, 5})}, {{"alpha", 1.5}}},
                           {"Gelu", {normal({4, 9})}},
                           {"Gelu", {normal({4, 9})}, {{"approximate", text("tanh")}}},
                           {"Swish", {normal({4, 9})}},
                           {"Swish", {normal({17})}, {{"alpha", 1.7}}},
                           {"Sqrt", {positive({3, 7})}},
                           {"Log", {positive({3, 7})}},
                           {"Dropout", {normal({4, 33})}, {{"ratio", 0.3}}},
                           {"Dropout", {normal({5})}, {{"ratio", 0.0}, {"stream", text("shared")}}},
                           {"Pow", {positive({3, 4}), normal({4})}},
                           {"Pow", {positive({3, 4}), normal({})}},
                           {"Div", {normal({2, 3, 4}), positive({3, 1})}},
                           {"Where", {fixed({3, 1}, Fill::kBool), normal({3, 4}), normal({4})}},
                           {"Cast", {normal({3, 4})}, {{"to", text("float32")}}}};
  for (const char* op : {"Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Neg", "Abs"})
    list.push_back({op, {normal({3, 11})}});
  for (const char* op : {"Add", "Sub", "Mul"}) {
    list.push_back({op, {normal({2, 3, 4}), normal({2, 3, 4})}});
    list.push_back({op, {normal({2, 1, 4}), normal({3, 1})}});
    list.push_back({op, {normal({}), normal({5})}});
  }
  return list;
}

std::vector<Sample> pools() {
  return {
      {"MaxPool",
       {normal({2, 2, 6, 7})},
       {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 1}}}},
      {"MaxPool", {normal({1, 2, 7, 7})}, {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 3}}}},
      {"MaxPool", {normal({2, 3, 8})}, {{"kernel_shape", Ints{3}}, {"strides", Ints{3}}}},
      {"AveragePool",
       {normal({2, 2, 6, 5})},
       {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 1, 1, 0}}}},
      {"AveragePool",
       {normal({1, 2, 5, 5})},
       {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", std::int64_t{1}}}},
      {"AveragePool", {normal({2, 1, 9})}, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}}},
      {"GlobalAveragePool", {normal({2, 3, 4, 5})}},
  };
}

std::vector<Sample> movements() {
  return {
      {"Reshape", {normal({2, 6})}, {{"shape", Ints{3, -1}}}},
      {"Flatten", {normal({2, 3, 4})}},
      {"Squeeze", {normal({2, 1, 3})}, {{"axes", Ints{1}}}},
      {"Unsqueeze", {normal({2, 3})}, {{"axes", Ints{0, 2}}}},
      {"Identity", {normal({4})}},
      {"Transpose", {normal({2, 3, 4})}},
      {"Transpose", {normal({2, 3, 4, 5})}, {{"perm", Ints{0, 2, 1, 3}}}},
      {"Concat", {normal({2, 3}), normal({2, 1}), normal({2, 4})}, {{"axis", std::int64_t{1}}}},
      {"Split", {normal({6, 3})}, {{"axis", std::int64_t{0}}}, 3},
      {"Split", {normal({2, 7})}, {{"axis", std::int64_t{-1}}, {"split", Ints{3, 4}}}, 2},
      {"Slice", {normal({5, 6})}, {{"starts", Ints{1, -5}}, {"ends", Ints{5, 100}}, {"steps", Ints{2, 3}}}},
      {"Slice", {normal({3, 4, 5})}, {{"starts", Ints{1}}, {"ends", Ints{-1}}, {"axes", Ints{2}}}},
      {"Expand", {normal({3, 1})}, {{"shape", Ints{2, 3, 4}}}},
      {"Pad", {normal({2, 3})}, {{"pads", Ints{1, 0, 0, 2}}, {"value", 1.5}}},
      {"ReduceSum", {normal({3, 4, 5})}, {{"axes", Ints{0, 2}}}},
      {"ReduceSum", {normal({3, 4, 5})}, {{"axes", Ints{1}}, {"keepdims", std::int64_t{0}}}},
      {"ReduceSum", {normal({4, 5})}},
      {"ReduceMean", {normal({3, 4, 5})}, {{"axes", Ints{-1}}}},
      {"ReduceMax", {normal({3, 4, 5})}, {{"axes", Ints{0, 2}}, {"keepdims", std::int64_t{0}}}},
      {"ReduceMax", {normal({6, 5})}},
  };
}

std::vector<Sample> losses() {
  std::vector<Sample> list{{"SoftmaxCrossEntropyLoss", {normal({6, 5}), indices({6}, 0, 5)}},
                           {"SoftmaxCrossEntropyLoss",
                            {normal({6, 5}), indices({6}, 0, 5)},
                            {{"ignore_index", std::int64_t{2}}, {"reduction", text("sum")}}},
                           {"SoftmaxCrossEntropyLoss",
                            {normal({3, 4, 2, 3}), indices({3, 2, 3}, -1, 4)},
                            {{"ignore_index", std::int64_t{-1}}},
                            3},
                           {"BinaryCrossEntropy", {probability({4, 5}), fixed({4, 5}, Fill::kProbability)}},
                           {"BinaryCrossEntropy",
                            {normal({4, 5}), fixed({4, 5}, Fill::kProbability)},
                            {{"logits", std::int64_t{1}}, {"reduction", text("sum")}}}};
  for (const char* op : {"MeanSquaredError", "MeanAbsoluteError"}) {
    list.push_back({op, {normal({3, 4}), fixed({3, 4})}});
    list.push_back({op, {normal({3, 4}), fixed({3, 4})}, {{"reduction", text("sum")}}});
  }
  return list;
}

}  // namespace

std::vector<Sample> small_samples() {
  std::vector<Sample> all;
  for (auto family : {products, convolutions, normalizations, attentions, elementwise, pools, movements, losses}) {
    append(all, family());
  }
  return all;
}

std::vector<Sample> forward_samples() {
  return {
      {"BatchNormalization", {fixed({4, 3, 5}), fixed({3}), fixed({3}), fixed({3}), fixed({3}, Fill::kPositive)}},
      {"Cast", {fixed({7})}, {{"to", text("int64")}}},
      {"Cast", {fixed({7})}, {{"to", text("bool")}}},
      {"Cast", {indices({7}, -3, 3)}, {{"to", text("float32")}}},
      {"Cast", {fixed({7}, Fill::kBool)}, {{"to", text("float32")}}},
      {"Constant", {}, {{"value_float", 1.25}, {"shape", Ints{2, 3}}}},
      {"Constant", {}, {{"value_int", std::int64_t{7}}, {"shape", Ints{3}}}},
      {"Transpose", {indices({3, 4}, -9, 9)}},
      {"Where", {fixed({4}, Fill::kBool), indices({3, 4}, 0, 9), indices({1}, 0, 9)}},
      {"FusedMatMul",
       {fixed({2, 4, 3}), fixed({2, 5, 4})},
       {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}, {"alpha", 0.25}}},
  };
}

std::vector<Sample> large_samples() {
  return {
      {"Gemm", {normal({256, 320}), normal({320, 640}), normal({640})}},
      {"Gemm", {normal({1, 700}), normal({700, 3})}},
      {"MatMul", {normal({2, 256, 200}), normal({200, 500})}},
      {"MatMul", {normal({12, 65, 40}), normal({12, 40, 33})}},
      {"Conv", {normal({8, 16, 16, 16}), normal({48, 16, 3, 3}), normal({48})}, {{"pads", Ints{1, 1, 1, 1}}}},
      {"Conv",
       {normal({6, 32, 14, 14}), normal({32, 1, 3, 3})},
       {{"group", std::int64_t{32}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"ConvTranspose", {normal({8, 32, 10, 10}), normal({32, 16, 2, 2}), normal({16})}, {{"strides", Ints{2, 2}}}},
      {"BatchNormalization",
       {normal({8, 24, 28, 28}), normal({24}), normal({24}), fixed({24}), fixed({24}, Fill::kPositive)},
       {{"training_mode", std::int64_t{1}}},
       3},
      {"BatchNormalization",
       {normal({300, 130}), normal({130}), normal({130}), fixed({130}), fixed({130}, Fill::kPositive)},
       {{"training_mode", std::int64_t{1}}}},
      {"LayerNormalization", {normal({500, 300}), normal({300}), normal({300})}},
      {"RMSNormalization", {normal({500, 300}), normal({300})}},
      {"GroupNormalization", {normal({6, 32, 24, 20}), normal({32}), normal({32})}, {{"num_groups", std::int64_t{8}}}},
      {"InstanceNormalization", {normal({4, 24, 40, 30}), normal({24}), normal({24})}},
      {"RotaryEmbedding", {normal({4, 200, 96})}, {{"num_heads", std::int64_t{3}}}},
      {"Softmax", {normal({90, 257})}},
      {"LogSoftmax", {normal({20, 50, 60})}, {{"axis", std::int64_t{1}}}},
      {"Attention",
       {normal({1, 300, 48}), normal({1, 300, 48}), normal({1, 300, 48})},
       {{"q_num_heads", std::int64_t{3}}, {"kv_num_heads", std::int64_t{3}}, {"is_causal", std::int64_t{1}}}},
      {"Attention",
       {normal({1, 150, 64}), normal({1, 530, 32}), normal({1, 530, 32})},
       {{"q_num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{2}}}},
      {"Gather", {normal({500, 384}), indices({700}, 0, 500)}},
      {"Gelu", {normal({70, 1000})}},
      {"Dropout", {normal({50, 1000})}, {{"ratio", 0.1}}},
      {"Add", {normal({300, 1, 70}), normal({20, 70})}},
      {"Mul", {normal({70000}), normal({1})}},
      {"Transpose", {normal({30, 40, 50})}, {{"perm", Ints{2, 0, 1}}}},
      {"ReduceSum", {normal({300, 300})}},
      {"ReduceSum", {normal({40, 30, 90})}, {{"axes", Ints{0, 2}}}},
      {"ReduceSum", {normal({5000, 30})}, {{"axes", Ints{0}}}},
      {"ReduceMean", {normal({2, 70000})}, {{"axes", Ints{1}}}},
      {"ReduceMax", {normal({40, 30, 90})}, {{"axes", Ints{1}}}},
      {"MaxPool", {normal({8, 16, 28, 28})}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
      {"AveragePool", {normal({8, 16, 28, 28})}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{1, 1}}}},
      {"SoftmaxCrossEntropyLoss", {normal({512, 300}), indices({512}, 0, 300)}},
      {"SoftmaxCrossEntropyLoss", {normal({16, 40, 60}), indices({16, 60}, 0, 40)}},
      {"MeanSquaredError", {normal({90000}), fixed({90000})}},
  };
}

}  // namespace mp::runtime::testing
