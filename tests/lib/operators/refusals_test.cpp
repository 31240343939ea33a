// What the shape rules refuse, and in which words.
#include <limits>
#include <string>
#include <vector>

#include "tests/lib/operators/infer.hpp"

using namespace mp;
using namespace mp::test;

namespace {

constexpr std::int64_t kOne = 1;
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

struct Case {
  Call call;
  std::string message;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.call.op);
    CHECK(complaint(c.call) == c.message);
  }
}

std::vector<TensorType> with_labels(Shape scores, Shape labels) {
  return {{DataType::kFloat32, std::move(scores)}, {DataType::kInt64, std::move(labels)}};
}

}  // namespace

TEST_CASE("matrix products that do not fit", "[operators]") {
  check({
      {{"Gemm", floats({{3, 4}, {5, 6}})}, "the inner extents differ: 4 in A [3, 4], 5 in B [5, 6]"},
      {{"Gemm", floats({{3, 4}, {6, 3}}), {{"transA", kOne}, {"transB", std::int64_t{2}}}},
       "attribute transB must be 0 or 1, not 2"},
      {{"Gemm", floats({{3}, {3, 6}})}, "input 0 must have 2 dimensions, not 1: float32[3]"},
      {{"Gemm", floats({{3, 4}, {4, 5}, {3}})}, "shapes [3] and [3, 5] do not broadcast: 3 against 5"},
      {{"Gemm", floats({{3, 4}, {4, 5}, {2, 3, 5}})}, "C [2, 3, 5] does not broadcast to [3, 5]"},
      {{"Gemm", {{DataType::kInt64, {3, 4}}, {DataType::kFloat32, {4, 5}}}},
       "input 0 must be float32, not int64[3, 4]"},
      {{"Gemm", {{DataType::kBfloat16, {3, 4}}, {DataType::kFloat32, {4, 5}}}},
       "input 1 must be bfloat16, not float32[4, 5]"},
      {{"LayerNormalization", {{DataType::kBfloat16, {3, 4}}, {DataType::kBfloat16, {4}}}},
       "input 1 must be float32, not bfloat16[4]"},
      {{"MatMul", floats({{4}, {4, 5}})}, "input 0 must have 2 or more dimensions, not 1: float32[4]"},
      {{"MatMul", floats({{2, 3, 4}, {5, 4, 6}})}, "shapes [2] and [5] do not broadcast: 2 against 5"},
      {{"MatMulWeightGrad", floats({{2, 3, 5}, {3, 2, 4}})},
       "dY [2, 3, 5] and A [3, 2, 4] must agree in all dimensions but the last"},
  });
}

TEST_CASE("windows that do not fit", "[operators]") {
  const std::vector<TensorType> image = floats({{1, 4, 6, 6}, {4, 4, 3, 3}});
  check({
      {{"Conv", floats({{1, 4, 6, 6}, {8, 3, 3, 3}})},
       "X [1, 4, 6, 6] has 4 channels in 1 groups, but W [8, 3, 3, 3] is for 3 channels a group"},
      {{"Conv", image, {{"group", std::int64_t{3}}}}, "group 3 does not divide the 4 input channels"},
      {{"Conv", image, {{"group", std::int64_t{0}}}}, "attribute group must be 1 or more, not 0"},
      {{"Conv", floats({{1, 4, 2, 6}, {4, 4, 3, 3}})}, "the kernel reaches over 3, but the padded extent is 2"},
      {{"Conv", image, {{"strides", Ints{0, 1}}}}, "attribute strides must lie between 1 and 1048576, not 0"},
      {{"Conv", image, {{"pads", Ints{kHuge, 0, 0, 0}}}},
       "attribute pads must lie between 0 and 1048576, not 9223372036854775807"},
      {{"Conv", image, {{"pads", Ints{1, 1}}}}, "attribute pads must have 4 numbers, not 2"},
      {{"Conv", image, {{"kernel_shape", Ints{3, 2}}}}, "attribute kernel_shape is [3, 2], but the weights' is [3, 3]"},
      {{"Conv", image, {{"auto_pad", std::string("SAME")}}},
       "attribute auto_pad must be 'NOTSET' or 'SAME_UPPER' or 'SAME_LOWER' or 'VALID', not 'SAME'"},
      {{"Conv", image, {{"auto_pad", std::string("VALID")}, {"pads", Ints{1, 1, 1, 1}}}},
       "attribute pads has no use beside auto_pad 'VALID'"},
      {{"ConvTranspose", image, {{"output_shape", Ints{9, 8}}}},
       "an output extent of 9 is wanted, but the kernels cover 8 alone"},
      {{"ConvTranspose", image, {{"output_shape", Ints{8, 8}}, {"pads", Ints{1, 1, 1, 1}}}},
       "attribute pads has no use beside output_shape"},
      {{"Conv", floats({{1, 4, 6, 6}, {4, 4, 3, 3}, {1}})},
       "input 2 must have the shape [4] (one per output channel), not [1]"},
      {{"Conv", floats({{1, 4}, {4, 4, 3, 3}})}, "input 0 must have 3 to 4 dimensions, not 2: float32[1, 4]"},
      {{"ConvTranspose", floats({{1, 3, 6, 6}, {4, 4, 3, 3}})},
       "X [1, 3, 6, 6] has 3 channels, but W [4, 4, 3, 3] is for 4"},
      {{"ConvTranspose", image, {{"output_padding", Ints{0, 1}}}},
       "output_padding must be 0 or more and smaller than the stride 1, not 1"},
      {{"ConvTranspose", image, {{"pads", Ints{4, 0, 4, 0}}}}, "the pads leave nothing of the output (extent 0)"},
      {{"MaxPool", floats({{1, 2, 6}}), {{"kernel_shape", Ints{2}}, {"pads", Ints{2, 0}}}},
       "pads 2 must be smaller than the kernel's reach 2"},
      {{"MaxPool", floats({{1, 2, 6}}), {{"kernel_shape", Ints{2}}, {"ceil_mode", std::int64_t{2}}}},
       "attribute ceil_mode must be 0 or 1, not 2"},
      {{"Resize", floats({{1, 2, 6}})}, "needs exactly one of the attributes sizes and scales"},
      {{"Resize", floats({{1, 2, 6}}), {{"sizes", Ints{1, 4, 6}}}},
       "attribute sizes must leave batch and channels as they are"},
      {{"Resize", floats({{1, 2, 6}}), {{"scales", Ints{2}}}},
       "attribute scales must have 3 numbers, one per axis of X, not 1"},
      {{"Resize", floats({{1, 2, 6}}), {{"scales", std::vector<double>{1, 1, 0.1}}}},
       "scale 0.1 makes nothing a tensor can have of the extent 6"},
      {{"Resize", floats({{1, 2, 6}}), {{"sizes", Ints{1, 2, 6}}, {"mode", std::string("cubic")}}},
       "attribute mode must be 'nearest' or 'linear', not 'cubic'"},
      {{"AveragePoolGrad", floats({{1, 2, 5}}), {{"kernel_shape", Ints{2}}, {"input_shape", Ints{1, 2, 5}}}},
       "input 0 must have the shape [1, 2, 4] (what pooling input_shape gives), not [1, 2, 5]"},
  });
}

TEST_CASE("normalisation and attention that do not fit", "[operators]") {
  const auto heads = [](std::int64_t q, std::int64_t kv) {
    return Attributes{{"q_num_heads", q}, {"kv_num_heads", kv}};
  };
  check({
      {{"BatchNormalization", floats({{2, 3}, {3}, {2}, {3}, {3}})},
       "input 2 must have the shape [3] (one per channel of X), not [2]"},
      {{"BatchNormalization", floats({{2, 3}, {3}, {3}, {3}, {3}}), {}, 3},
       "outputs besides Y exist in training alone: set training_mode to 1"},
      {{"BatchNormalization", floats({{2, 3}, {3}, {3}, {3}, {3}}), {{"epsilon", -1.0}}},
       "attribute epsilon must be 0 or more, not -1"},
      {{"LayerNormalization", floats({{2, 8}, {2, 8}})},
       "input 1 must have the shape [8] (the normalized dimensions), not [2, 8]"},
      {{"LayerNormalization", floats({{2, 8}, {8}}), {{"axis", std::int64_t{2}}}},
       "axis 2 does not exist in 2 dimensions"},
      {{"Softmax", floats({{2, 8}}), {{"axis", std::int64_t{-3}}}}, "axis -3 does not exist in 2 dimensions"},
      {{"Attention", floats({{2, 5, 8}, {2, 5, 8}, {2, 5, 8}}), heads(3, 3)},
       "input 0 [2, 5, 8]: 3 heads do not divide the last extent 8"},
      {{"Attention", floats({{2, 5, 8}, {2, 5, 8}, {2, 5, 8}}), heads(4, 3)},
       "kv_num_heads 3 must divide q_num_heads 4"},
      {{"Attention", floats({{2, 5, 8}, {2, 5, 8}, {2, 5, 8}}), heads(4, 2)}, "a head of Q has the size 2, one of K 4"},
      {{"Attention", floats({{2, 5, 8}, {3, 5, 8}, {2, 5, 8}}), heads(2, 2)},
       "Q [2, 5, 8], K [3, 5, 8], V [2, 5, 8] must have one batch, K and V one length"},
      {{"RMSNormalization", floats({{2, 8}, {2, 8}})},
       "input 1 must have the shape [8] (the normalized dimensions), not [2, 8]"},
      {{"GroupNormalization", floats({{2, 6, 4}, {6}, {6}}), {{"num_groups", std::int64_t{4}}}},
       "num_groups 4 does not divide the 6 channels of X"},
      {{"InstanceNormalization", floats({{2, 6, 4}, {4}, {6}})},
       "input 1 must have the shape [6] (one per channel of X), not [4]"},
      {{"RotaryEmbedding", floats({{2, 5, 8}})}, "attribute num_heads must be 1 or more, not 0"},
      {{"RotaryEmbedding", floats({{2, 5, 9}}), {{"num_heads", std::int64_t{3}}}},
       "an even number of elements of each head can be rotated, not 3 of 3"},
      {{"RotaryEmbedding", floats({{2, 1, 5, 8}, {2, 5, 4}})}, "cos_cache and sin_cache come together or not at all"},
      {{"RotaryEmbedding", floats({{2, 1, 5, 8}, {5, 4}, {5, 4}})},
       "input 1 must have the shape [2, 5, 4] (batch, sequence, half of what is rotated), not [5, 4]"},
      {{"Attention", floats({{2, 5, 8}, {2, 5, 8}, {2, 5, 8}, {2, 5}}), heads(4, 4)},
       "the mask [2, 5] does not broadcast to the scores [2, 4, 5, 5]"},
      {{"LSTM", floats({{4, 2, 3}, {1, 12, 3}, {1, 12, 4}})},
       "input 1 must have the shape [1, 16, 3] (directions, 4 · hidden, inputs), not [1, 12, 3]"},
      {{"LSTM", floats({{4, 2, 3}, {1, 12, 3}, {1, 12, 3}}), {{"direction", std::string("both")}}},
       "attribute direction must be 'forward' or 'reverse' or 'bidirectional', not 'both'"},
      {{"LSTM", floats({{4, 2, 3}, {1, 12, 3}, {1, 12, 3}}), {{"hidden_size", std::int64_t{4}}}},
       "attribute hidden_size is 4, but R [1, 12, 3] is for 3"},
      {{"GRU", floats({{4, 2, 3}, {1, 9, 3}, {1, 9, 3}, {1, 18}, {2}})},
       "sequence_lens are not supported: leave input 4 out and pad the sequences"},
      {{"GRU", floats({{4, 2, 3}, {1, 9, 3}, {1, 9, 3}, {1, 18}, kAbsentShape, {2, 1, 3}})},
       "input 5 must have the shape [1, 2, 3] (that of Y_h), not [2, 1, 3]"},
      {{"Gather", floats({{3, 4}, {2}})}, "input 1 must be int64, not float32[2]"},
  });
}

TEST_CASE("elementwise operators that do not fit", "[operators]") {
  check({
      {{"Add", floats({{2, 3}, {2}})}, "shapes [2, 3] and [2] do not broadcast: 3 against 2"},
      {{"Relu", {{DataType::kInt64, {2}}}}, "input 0 must be float32, not int64[2]"},
      {{"ReluGrad", floats({{2}, {3}})}, "input 1 must have the shape [2] (that of input 0), not [3]"},
      {{"Elu", floats({{2}}), {{"alpha", -0.5}}}, "attribute alpha must be 0 or more, not -0.5"},
      {{"Gelu", floats({{2}}), {{"approximate", std::string("Tanh")}}},
       "attribute approximate must be 'none' or 'tanh', not 'Tanh'"},
      {{"Dropout", floats({{2}}), {{"ratio", 1.0}}}, "attribute ratio must be smaller than 1, not 1"},
      {{"Where", floats({{2}, {2}, {2}})}, "input 0 must be bool, not float32[2]"},
      {{"Cast", floats({{2}}), {{"to", std::string("double")}}},
       "attribute to must be 'float32' or 'bfloat16' or 'int64' or 'bool', not 'double'"},
      {{"Constant", {}, {}}, "needs exactly one of the attributes value_float and value_int"},
      {{"Constant", {}, {{"value_int", kOne}, {"shape", Ints{2, -1}}}},
       "attribute shape must be a shape that a tensor can have, not [2, -1]"},
      {{"Constant", {}, {{"value_float", 1.0}, {"shape", Ints{kHuge, kHuge}}}},
       "attribute shape must be a shape that a tensor can have, not [9223372036854775807, 9223372036854775807]"},
  });
}

TEST_CASE("views and movement that do not fit", "[operators]") {
  check({
      {{"Reshape", floats({{4, 6}}), {{"shape", Ints{5, -1}}}}, "24 elements of [4, 6] do not fit the shape [5, -1]"},
      {{"Reshape", floats({{4, 6}}), {{"shape", Ints{-1, -1}}}}, "24 elements of [4, 6] do not fit the shape [-1, -1]"},
      {{"Reshape", floats({{4, 6}}), {{"shape", Ints{4, 6, 0}}}},
       "24 elements of [4, 6] do not fit the shape [4, 6, 0]"},
      {{"Reshape", floats({{4, 6}}), {{"shape", Ints{kHuge, kHuge, kHuge}}}},
       "24 elements of [4, 6] do not fit the shape [9223372036854775807, 9223372036854775807, 9223372036854775807]"},
      {{"Flatten", floats({{4, 6}}), {{"axis", std::int64_t{3}}}}, "axis 3 does not exist in 2 dimensions"},
      {{"Squeeze", floats({{4, 6}}), {{"axes", Ints{1}}}}, "axis 1 of [4, 6] has the extent 6, not 1"},
      {{"Unsqueeze", floats({{4, 6}}), {{"axes", Ints{1, 1}}}}, "axes [1, 1] name one axis twice"},
      {{"Unsqueeze", floats({{4, 6}}), {{"axes", Ints{0, 1, 2, 3, 4, 5, 6}}}}, "9 dimensions are more than 8"},
      {{"Transpose", floats({{4, 6}}), {{"perm", Ints{0, 0}}}},
       "attribute perm must order the axes of [4, 6], not [0, 0]"},
      {{"Concat", floats({{4, 6}, {4, 6, 1}}), {{"axis", kOne}}},
       "inputs 0 [4, 6] and 1 [4, 6, 1] have different numbers of dimensions"},
      {{"Concat", floats({{4, 6}, {5, 6}}), {{"axis", kOne}}},
       "inputs 0 [4, 6] and 1 [5, 6] differ in more than axis 1"},
      {{"Split", floats({{4, 6}}), {}, 3}, "3 equal parts of 4 do not exist: give the attribute split"},
      {{"Split", floats({{4, 6}}), {{"split", Ints{1, 2}}}, 2},
       "attribute split must be 2 sizes that add up to 4, not [1, 2]"},
      {{"Slice", floats({{4, 6}}), {{"starts", Ints{3}}, {"ends", Ints{2}}}},
       "nothing is left of axis 0 of [4, 6]: 3 to 2"},
      {{"Slice", floats({{4, 6}}), {{"starts", Ints{0}}, {"ends", Ints{2, 3}}}},
       "starts, ends, axes and steps must be equally long, not 1, 2, 1 and 1"},
      {{"Slice", floats({{4, 6}}), {{"starts", Ints{0}}, {"ends", Ints{2}}, {"steps", Ints{-1}}}},
       "steps must be 1 or more, not -1"},
      {{"Pad", floats({{4, 6}}), {{"pads", Ints{1, 1}}}}, "attribute pads must have 4 numbers for 2 dimensions, not 2"},
      {{"Pad", floats({{4, 6}}), {{"pads", Ints{0, 0, -1, 0}}}},
       "pads must be 0 or more (and no larger than a tensor), not -1"},
      {{"Pad", floats({{4, 6}}), {{"pads", Ints{4, 0, 0, 0}}, {"mode", std::string("reflect")}}},
       "mode 'reflect' pads an extent of 4 by 3 at most, not 4"},
      {{"ReduceSum", floats({{4, 6}}), {{"axes", Ints{2}}}}, "axis 2 does not exist in 2 dimensions"},
      {{"Expand", floats({{4, 6}}), {{"shape", Ints{3, 6}}}}, "shapes [4, 6] and [3, 6] do not broadcast: 4 against 3"},
  });
}

TEST_CASE("losses and updates that do not fit", "[operators]") {
  check({
      {{"SoftmaxCrossEntropyLoss", with_labels({6, 5}, {5})},
       "input 1 must have the shape [6] (that of the scores without their class axis, 1), not [5]"},
      {{"SoftmaxCrossEntropyLoss", with_labels({6}, {6})}, "input 0 must have 2 or more dimensions, not 1: float32[6]"},
      {{"SoftmaxCrossEntropyLoss", with_labels({6, 5}, {6}), {{"reduction", std::string("max")}}},
       "attribute reduction must be 'mean' or 'sum' or 'none', not 'max'"},
      {{"SoftmaxCrossEntropyLoss", {{DataType::kFloat32, {6, 5}}, {DataType::kInt64, {6}}, {DataType::kFloat32, {6}}}},
       "input 2 must have the shape [5] (one per class), not [6]"},
      {{"MeanSquaredError", floats({{6, 5}, {6, 1}})},
       "input 1 must have the shape [6, 5] (that of input 0), not [6, 1]"},
      {{"SgdUpdate", floats({{6}, {6}, {6}})}, "the velocity must be both input and output"},
      {{"AdamUpdate", floats({{6}, {6}, {6}, {6}, {6}}), {}, 4}, "input 4 must be bfloat16, not float32[6]"},
      {{"AdamUpdate", floats({{6}, {6}, {6}, {6}}), {}, 4}, "the bfloat16 copy must be both input and output"},
      {{"AdamUpdate", floats({{6}, {6}, {6}, {6}}), {{"beta1", 1.0}}, 3},
       "attribute beta1 must be smaller than 1, not 1"},
      {{"AdamUpdate", floats({{6}, {6}, {6}, {5}}), {}, 3},
       "input 3 must have the shape [6] (that of input 0), not [5]"},
      {{"SgdUpdate", floats({{6}, {6}}), {{"learning_rate_factor", -1.0}}},
       "attribute learning_rate_factor must be 0 or more, not -1"},
      {{"GradientNorm", floats({{2}, {1}}), {{"clip_norm", 1.0}, {"order", Ints{0, 1, 1}}}, 2},
       "attribute order must name each of the 3 norms once"},
      {{"GradientNorm", floats({{2}}), {{"clip_norm", -1.0}, {"order", Ints{0, 1}}}, 2},
       "attribute clip_norm must be 0 or more, not -1"},
  });
}
