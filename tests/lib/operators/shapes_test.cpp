// What the shape rules infer. What they refuse is in refusals_test.cpp.
#include <string>
#include <vector>

#include "tests/lib/operators/infer.hpp"

using namespace mp;
using namespace mp::test;

namespace {

constexpr std::int64_t kOne = 1;

struct Case {
  Call call;
  std::string types;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.call.op);
    CHECK(inferred(c.call) == c.types);
  }
}

TensorType int64(Shape shape) { return {DataType::kInt64, std::move(shape)}; }
TensorType boolean(Shape shape) { return {DataType::kBool, std::move(shape)}; }
TensorType float32(Shape shape) { return {DataType::kFloat32, std::move(shape)}; }

}  // namespace

TEST_CASE("shapes of matrix products", "[operators]") {
  check({
      {{"Gemm", floats({{3, 4}, {4, 5}})}, "float32[3, 5]"},
      {{"Gemm", floats({{4, 3}, {5, 4}, {5}}), {{"transA", kOne}, {"transB", kOne}}}, "float32[3, 5]"},
      {{"Gemm", floats({{3, 4}, {4, 5}, {3, 1}})}, "float32[3, 5]"},
      {{"MatMul", floats({{3, 4}, {4, 5}})}, "float32[3, 5]"},
      {{"MatMul", floats({{2, 7, 3, 4}, {4, 5}})}, "float32[2, 7, 3, 5]"},
      {{"MatMul", floats({{2, 1, 3, 4}, {7, 4, 5}})}, "float32[2, 7, 3, 5]"},
      {{"FusedMatMul", floats({{2, 4, 3}, {5, 4}}), {{"transA", kOne}, {"transB", kOne}}}, "float32[2, 3, 5]"},
      {{"MatMulWeightGrad", floats({{2, 3, 5}, {2, 3, 4}})}, "float32[4, 5]"},
  });
}

TEST_CASE("shapes of convolutions", "[operators]") {
  check({
      {{"Conv", floats({{8, 3, 32, 32}, {16, 3, 3, 3}})}, "float32[8, 16, 30, 30]"},
      {{"Conv", floats({{8, 3, 32, 32}, {16, 3, 3, 3}, {16}}), {{"pads", Ints{1, 1, 1, 1}}}}, "float32[8, 16, 32, 32]"},
      {{"Conv", floats({{1, 3, 7, 8}, {2, 3, 3, 2}}), {{"strides", Ints{2, 3}}}}, "float32[1, 2, 3, 3]"},
      {{"Conv", floats({{1, 4, 9, 9}, {6, 2, 3, 3}}), {{"group", std::int64_t{2}}, {"dilations", Ints{2, 4}}}},
       "float32[1, 6, 5, 1]"},
      {{"Conv", floats({{2, 3, 9}, {4, 3, 4}}), {{"pads", Ints{1, 2}}, {"kernel_shape", Ints{4}}}}, "float32[2, 4, 9]"},
      {{"ConvTranspose", floats({{2, 3, 4, 5}, {3, 7, 2, 2}}), {{"strides", Ints{2, 2}}}}, "float32[2, 7, 8, 10]"},
      {{"ConvTranspose",
        floats({{1, 4, 3, 3}, {4, 3, 3, 3}, {6}}),
        {{"group", std::int64_t{2}},
         {"strides", Ints{2, 2}},
         {"pads", Ints{1, 1, 1, 1}},
         {"output_padding", Ints{1, 0}}}},
       "float32[1, 6, 6, 5]"},
      {{"ConvWeightGrad",
        floats({{8, 16, 15, 15}, {8, 4, 32, 32}}),
        {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"group", std::int64_t{2}}}},
       "float32[16, 2, 3, 3]"},
  });
}

TEST_CASE("shapes of pooling", "[operators]") {
  check({
      {{"MaxPool", floats({{2, 3, 8, 9}}), {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
       "float32[2, 3, 4, 4]"},
      {{"MaxPool", floats({{2, 3, 9}}), {{"kernel_shape", Ints{3}}, {"dilations", Ints{3}}}}, "float32[2, 3, 3]"},
      {{"AveragePool", floats({{2, 3, 5, 5}}), {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}},
       "float32[2, 3, 5, 5]"},
      {{"GlobalAveragePool", floats({{2, 3, 5, 7}})}, "float32[2, 3, 1, 1]"},
      {{"MaxPoolGrad", floats({{2, 3, 4, 4}, {2, 3, 8, 9}}), {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
       "float32[2, 3, 8, 9]"},
      {{"AveragePoolGrad", floats({{2, 3, 3}}), {{"kernel_shape", Ints{2}}, {"input_shape", Ints{2, 3, 4}}}},
       "float32[2, 3, 4]"},
      {{"GlobalAveragePoolGrad", floats({{2, 3, 1}}), {{"input_shape", Ints{2, 3, 4}}}}, "float32[2, 3, 4]"},
  });
}

TEST_CASE("shapes of normalisation and attention", "[operators]") {
  const Attributes training = {{"training_mode", kOne}};
  const Attributes heads = {{"q_num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{2}}};
  check({
      {{"BatchNormalization", floats({{2, 3, 4}, {3}, {3}, {3}, {3}}), training, 3},
       "float32[2, 3, 4] float32[3] float32[3] float32[3] float32[3]"},
      {{"LayerNormalization", floats({{2, 5, 8}, {8}, {8}})}, "float32[2, 5, 8] float32[2, 5, 1] float32[2, 5, 1]"},
      {{"LayerNormalization", floats({{2, 5, 8}, {5, 8}}), {{"axis", kOne}}},
       "float32[2, 5, 8] float32[2, 1, 1] float32[2, 1, 1]"},
      {{"LayerNormalizationWeightGrad", floats({{2, 8}, {2, 8}, {2, 1}, {2, 1}}), {}, 2}, "float32[8] float32[8]"},
      {{"Softmax", floats({{2, 8}})}, "float32[2, 8]"},
      {{"Attention", floats({{2, 5, 8}, {2, 7, 4}, {2, 7, 6}}), heads}, "float32[2, 5, 12] float32[2, 4, 5]"},
      {{"AttentionGrad", floats({{2, 5, 12}, {2, 5, 8}, {2, 7, 4}, {2, 7, 6}, {2, 5, 12}, {2, 4, 5}}), heads, 3},
       "float32[2, 5, 8] float32[2, 7, 4] float32[2, 7, 6]"},
      {{"Gather", {float32({7, 3}), int64({2, 4})}}, "float32[2, 4, 3]"},
      {{"Gather", {int64({7, 3}), int64({})}, {{"axis", std::int64_t{-1}}}}, "int64[7]"},
      {{"GatherGrad", {float32({2, 4, 3}), int64({2, 4})}, {{"shape", Ints{7, 3}}}}, "float32[7, 3]"},
  });
}

TEST_CASE("shapes of elementwise operators", "[operators]") {
  check({
      {{"Relu", floats({{2, 3}})}, "float32[2, 3]"},
      {{"Add", floats({{2, 3}, {3}})}, "float32[2, 3]"},
      {{"Mul", floats({{4, 1, 3}, {2, 1}})}, "float32[4, 2, 3]"},
      {{"Pow", floats({{}, {2}})}, "float32[2]"},
      {{"Where", {boolean({2, 1}), int64({3}), int64({})}}, "int64[2, 3]"},
      {{"Cast", {int64({2})}, {{"to", std::string("float32")}}}, "float32[2]"},
      {{"Constant", {}, {{"value_int", kOne}}}, "int64[]"},
      {{"Constant", {}, {{"value_float", 0.5}, {"shape", Ints{2, 3}}}}, "float32[2, 3]"},
  });
}

TEST_CASE("shapes of views and movement", "[operators]") {
  check({
      {{"Reshape", floats({{4, 6, 2}}), {{"shape", Ints{0, -1}}}}, "float32[4, 12]"},
      {{"Reshape", {int64({4, 6})}, {{"shape", Ints{-1}}}}, "int64[24]"},
      {{"Reshape", floats({{1}}), {{"shape", Ints{}}}}, "float32[]"},
      {{"Flatten", floats({{4, 6, 2}})}, "float32[4, 12]"},
      {{"Flatten", floats({{4, 6, 2}}), {{"axis", std::int64_t{0}}}}, "float32[1, 48]"},
      {{"Flatten", floats({{4, 6, 2}}), {{"axis", std::int64_t{3}}}}, "float32[48, 1]"},
      {{"Squeeze", floats({{1, 2, 1}})}, "float32[2]"},
      {{"Squeeze", floats({{1, 2, 1}}), {{"axes", Ints{-1}}}}, "float32[1, 2]"},
      {{"Unsqueeze", floats({{2, 3}}), {{"axes", Ints{-1, 0}}}}, "float32[1, 2, 3, 1]"},
      {{"Transpose", floats({{2, 3, 4}})}, "float32[4, 3, 2]"},
      {{"Transpose", floats({{2, 3, 4}}), {{"perm", Ints{0, 2, 1}}}}, "float32[2, 4, 3]"},
      {{"Concat", floats({{2, 3}, {2, 5}}), {{"axis", kOne}}}, "float32[2, 8]"},
      {{"Split", floats({{6, 2}}), {}, 3}, "float32[2, 2] float32[2, 2] float32[2, 2]"},
      {{"Split", floats({{6, 2}}), {{"split", Ints{1, 5}}}, 2}, "float32[1, 2] float32[5, 2]"},
      {{"Slice", floats({{6, 9}}), {{"starts", Ints{-2, 1}}, {"ends", Ints{100, 8}}, {"steps", Ints{1, 3}}}},
       "float32[2, 3]"},
      {{"SliceGrad", floats({{2, 3}}), {{"starts", Ints{1}}, {"ends", Ints{3}}, {"shape", Ints{5, 3}}}},
       "float32[5, 3]"},
      {{"Expand", floats({{3, 1}}), {{"shape", Ints{2, 1, 4}}}}, "float32[2, 3, 4]"},
      {{"Pad", floats({{2, 3}}), {{"pads", Ints{1, 0, 2, 4}}}}, "float32[5, 7]"},
      {{"ReduceSum", floats({{2, 3, 4}})}, "float32[1, 1, 1]"},
      {{"ReduceMean", floats({{2, 3, 4}}), {{"axes", Ints{-1, 0}}, {"keepdims", std::int64_t{0}}}}, "float32[3]"},
      {{"ReduceMaxGrad", floats({{2, 1}, {2, 3}}), {{"axes", Ints{1}}}}, "float32[2, 3]"},
  });
}

TEST_CASE("shapes of losses and updates", "[operators]") {
  check({
      {{"SoftmaxCrossEntropyLoss", {float32({6, 5}), int64({6})}}, "float32[] float32[6, 5] float32[6]"},
      {{"SoftmaxCrossEntropyLoss", {float32({2, 5, 7}), int64({2, 7})}}, "float32[] float32[2, 5, 7] float32[2, 7]"},
      {{"MeanSquaredError", floats({{2, 3}, {2, 3}})}, "float32[]"},
      {{"MeanSquaredErrorGrad", floats({{}, {2, 3}, {2, 3}})}, "float32[2, 3]"},
      {{"SgdUpdate", floats({{2, 3}, {2, 3}})}, "float32[2, 3] float32[2, 3] bfloat16[2, 3]"},
      {{"AdamUpdate", floats({{4}, {4}, {4}, {4}}), {}, 3}, "float32[4] float32[4] float32[4] bfloat16[4]"},
      {{"GradientL2", floats({{4, 2}, {}, {3}})}, "float32[3]"},
      {{"GradientNorm", floats({{2}, {1}}), {{"clip_norm", 1.0}, {"order", Ints{2, 0, 1}}}, 2}, "float32[] float32[]"},
  });
}
