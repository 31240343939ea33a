#include <utility>

#include "tests/runtime/cpu/support/sample_inputs.hpp"

namespace mp::runtime::testing {
namespace {

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

// Pads that follow from auto_pad or output_shape.
std::vector<Sample> padded_convolutions() {
  return {
      {"Conv",
       {normal({1, 2, 7, 6}), normal({3, 2, 4, 3})},
       {{"auto_pad", text("SAME_UPPER")}, {"strides", Ints{2, 1}}}},
      {"Conv",
       {normal({1, 2, 8}), normal({3, 2, 3}), normal({3})},
       {{"auto_pad", text("SAME_LOWER")}, {"strides", Ints{2}}}},
      {"Conv", {normal({1, 2, 6, 6}), normal({2, 2, 3, 2})}, {{"auto_pad", text("VALID")}}},
      {"ConvTranspose",
       {normal({1, 3, 4, 3}), normal({3, 2, 3, 3})},
       {{"auto_pad", text("SAME_UPPER")}, {"strides", Ints{2, 2}}}},
      {"ConvTranspose",
       {normal({1, 3, 4}), normal({3, 2, 4}), normal({2})},
       {{"auto_pad", text("SAME_LOWER")}, {"strides", Ints{1}}}},
      {"ConvTranspose",
       {normal({1, 3, 4, 3}), normal({3, 2, 3, 3})},
       {{"output_shape", Ints{7, 6}}, {"strides", Ints{2, 2}}, {"output_padding", Ints{0, 1}}}},
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
  append(list, padded_convolutions());
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
      {"Attention",
       {normal({2, 4, 6}), normal({2, 5, 6}), normal({2, 5, 6}), fixed({2, 1, 1, 5}, Fill::kBool)},
       {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}}},
      {"Attention",
       {normal({1, 4, 8}), normal({1, 4, 4}), normal({1, 4, 4}), fixed({4, 4}, Fill::kBool)},
       {{"q_num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{2}}, {"is_causal", std::int64_t{1}}}},
      {"Attention",
       {normal({2, 4, 6}), normal({2, 5, 6}), normal({2, 5, 6}), fixed({2, 4, 5})},
       {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}},
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

std::vector<Sample> recurrences() {
  const Attributes back = {
      {"direction", text("reverse")}, {"layout", std::int64_t{1}}, {"hidden_size", std::int64_t{3}}};
  const Attributes both = {{"direction", text("bidirectional")}};
  Attributes late = {{"linear_before_reset", std::int64_t{1}}};
  Attributes late_both = both;
  late_both.set("linear_before_reset", std::int64_t{1});
  late_both.set("layout", std::int64_t{1});
  std::vector<Sample> list{
      {"LSTM", {normal({4, 2, 3}), normal({1, 12, 3}), normal({1, 12, 3}), normal({1, 24})}, {}, 3},
      {"LSTM", {normal({2, 4, 2}), normal({1, 12, 2}), normal({1, 12, 3})}, back},
      {"LSTM",
       {normal({3, 2, 2}), normal({2, 8, 2}), normal({2, 8, 2}), normal({2, 16}), absent(), normal({2, 2, 2}),
        normal({2, 2, 2})},
       both,
       3},
      {"GRU", {normal({4, 2, 3}), normal({1, 9, 3}), normal({1, 9, 3}), normal({1, 18})}, {}, 2},
      {"GRU", {normal({4, 2, 3}), normal({1, 9, 3}), normal({1, 9, 3}), normal({1, 18})}, late, 2},
      {"GRU", {normal({2, 4, 2}), normal({1, 9, 2}), normal({1, 9, 3})}, back},
      {"GRU",
       {normal({3, 2, 2}), normal({2, 6, 2}), normal({2, 6, 2}), normal({2, 12}), absent(), normal({2, 2, 2})},
       both,
       2},
      {"GRU",
       {normal({2, 3, 2}), normal({2, 6, 2}), normal({2, 6, 2}), normal({2, 12}), absent(), normal({2, 2, 2})},
       late_both,
       2},
  };
  for (Sample& sample : list) sample.tolerance = 1e-4;  // gradients through several steps
  return list;
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
      {"MaxPool",
       {normal({1, 2, 6, 8})},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 3}}, {"ceil_mode", std::int64_t{1}}}},
      {"MaxPool",
       {normal({1, 2, 7})},
       {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}, {"auto_pad", text("SAME_UPPER")}}},
      {"AveragePool",
       {normal({1, 2, 6, 6})},
       {{"kernel_shape", Ints{3, 2}},
        {"strides", Ints{2, 3}},
        {"pads", Ints{1, 0, 1, 1}},
        {"ceil_mode", std::int64_t{1}},
        {"count_include_pad", std::int64_t{1}}}},
      {"AveragePool",
       {normal({2, 1, 9})},
       {{"kernel_shape", Ints{3}}, {"dilations", Ints{2}}, {"auto_pad", text("SAME_LOWER")}}},
      {"GlobalAveragePool", {normal({2, 3, 4, 5})}},
      {"Resize", {normal({1, 2, 3, 4})}, {{"scales", std::vector<double>{1.0, 1.0, 2.0, 1.5}}}},
      {"Resize",
       {normal({1, 2, 5, 6})},
       {{"sizes", Ints{1, 2, 3, 9}},
        {"coordinate_transformation_mode", text("asymmetric")},
        {"nearest_mode", text("floor")}}},
      {"Resize",
       {normal({2, 1, 5})},
       {{"sizes", Ints{2, 1, 8}},
        {"coordinate_transformation_mode", text("align_corners")},
        {"nearest_mode", text("ceil")}}},
      {"Resize", {normal({1, 2, 4, 3})}, {{"scales", Ints{1, 1, 2, 3}}, {"mode", text("linear")}}},
      {"Resize",
       {normal({1, 2, 5, 4})},
       {{"sizes", Ints{1, 2, 3, 1}},
        {"mode", text("linear")},
        {"coordinate_transformation_mode", text("pytorch_half_pixel")}}},
      {"Resize",
       {normal({1, 1, 3, 5})},
       {{"sizes", Ints{1, 1, 7, 4}},
        {"mode", text("linear")},
        {"coordinate_transformation_mode", text("align_corners")}}},
      {"Resize",
       {normal({2, 2, 6})},
       {{"scales", std::vector<double>{1.0, 1.0, 0.6}}, {"nearest_mode", text("round_prefer_ceil")}}},
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
      {"Pad", {normal({2, 3, 4})}, {{"pads", Ints{0, 2, 3, 0, 1, 1}}, {"mode", text("reflect")}}},
      {"Pad", {normal({2, 3})}, {{"pads", Ints{1, 0, 2, 4}}, {"mode", text("edge")}}},
      {"Pad", {normal({2, 3})}, {{"pads", Ints{0, 3, 1, 2}}, {"mode", text("wrap")}}},
      {"ReduceSum", {normal({3, 4, 5})}, {{"axes", Ints{0, 2}}}},
      {"ReduceSum", {normal({3, 4, 5})}, {{"axes", Ints{1}}, {"keepdims", std::int64_t{0}}}},
      {"ReduceSum", {normal({4, 5})}},
      {"ReduceMean", {normal({3, 4, 5})}, {{"axes", Ints{-1}}}},
      {"ReduceMax", {normal({3, 4, 5})}, {{"axes", Ints{0, 2}}, {"keepdims", std::int64_t{0}}}},
      {"ReduceMax", {normal({6, 5})}},
  };
}

std::vector<Sample> losses() {
  std::vector<Sample> list{
      {"SoftmaxCrossEntropyLoss", {normal({6, 5}), indices({6}, 0, 5)}},
      {"SoftmaxCrossEntropyLoss",
       {normal({6, 5}), indices({6}, 0, 5)},
       {{"ignore_index", std::int64_t{2}}, {"reduction", text("sum")}}},
      {"SoftmaxCrossEntropyLoss",
       {normal({3, 4, 2, 3}), indices({3, 2, 3}, -1, 4)},
       {{"ignore_index", std::int64_t{-1}}},
       3},
      {"SoftmaxCrossEntropyLoss", {normal({6, 5}), indices({6}, 0, 5), fixed({5}, Fill::kPositive)}},
      {"SoftmaxCrossEntropyLoss",
       {normal({3, 4, 5}), indices({3, 5}, 0, 4), fixed({4}, Fill::kPositive)},
       {{"reduction", text("none")}, {"ignore_index", std::int64_t{2}}}},
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
  for (auto family :
       {products, convolutions, normalizations, attentions, recurrences, elementwise, pools, movements, losses}) {
    append(all, family());
  }
  return all;
}

std::vector<Sample> forward_samples() {
  return {
      {"BatchNormalization", {fixed({4, 3, 5}), fixed({3}), fixed({3}), fixed({3}), fixed({3}, Fill::kPositive)}},
      {"LSTM",
       {fixed({3, 2, 4}), fixed({2, 12, 4}), fixed({2, 12, 3}), fixed({2, 24})},
       {{"direction", text("bidirectional")}},
       5},
      {"GRU", {fixed({2, 3, 4}), fixed({1, 9, 4}), fixed({1, 9, 3})}, {{"layout", std::int64_t{1}}}, 3},
      {"GRU",
       {fixed({3, 2, 4}), fixed({1, 9, 4}), fixed({1, 9, 3}), fixed({1, 18})},
       {{"linear_before_reset", std::int64_t{1}}},
       3},
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
      {"GroupQueryAttention",
       {fixed({2, 1, 12}), fixed({2, 1, 6}), fixed({2, 1, 4}), fixed({2, 300, 6}), fixed({2, 300, 4}),
        indices({2}, 150, 300)},
       {{"num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{2}}, {"scale", 0.7}},
       3},
      {"GroupQueryAttention",
       {fixed({2, 3, 16}), fixed({2, 3, 16}), fixed({2, 3, 16}), fixed({2, 9, 16}), fixed({2, 9, 16}),
        indices({2}, 2, 9)},
       {{"num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}},
       3},
      {"ArgMax", {fixed({5, 33})}, {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}}},
      {"ArgMax", {fixed({3, 7, 4})}, {{"axis", std::int64_t{-2}}}},
      {"GradientL2", {fixed({3, 5}), fixed({1}), fixed({2, 2, 3})}},
      {"GradientNorm", {fixed({3}, Fill::kPositive)}, {{"clip_norm", 0.5}, {"order", Ints{2, 0, 1}}}, 2},
      {"GradientNorm",
       {fixed({1}, Fill::kPositive), fixed({2}, Fill::kPositive)},
       {{"clip_norm", 50.0}, {"order", Ints{1, 2, 0}}},
       2},
  };
}

}  // namespace mp::runtime::testing
