// FLOPs against closed forms, bytes against sums of operands.
#include "lib/graph/builder.hpp"
#include "tests/lib/operators/infer.hpp"
#include "tests/support/operator_samples.hpp"

using namespace mp;
using mp::test::floats;
using mp::test::flops;
using mp::test::Ints;

namespace {

constexpr std::int64_t kOne = 1;

}  // namespace

TEST_CASE("FLOPs of matrix products: two for each multiply-add", "[operators]") {
  const double m = 3;
  const double n = 5;
  const double k = 4;
  CHECK(flops({"Gemm", floats({{3, 4}, {4, 5}})}) == 2 * m * n * k);
  CHECK(flops({"Gemm", floats({{4, 3}, {4, 5}, {5}}), {{"transA", kOne}}}) == 2 * m * n * k + m * n);
  CHECK(flops({"MatMul", floats({{2, 7, 3, 4}, {4, 5}})}) == 14 * 2 * m * n * k);
  CHECK(flops({"FusedMatMul", floats({{2, 4, 3}, {5, 4}}), {{"transA", kOne}, {"transB", kOne}}}) == 2 * 2 * m * n * k);
  CHECK(flops({"MatMulWeightGrad", floats({{7, 3, 5}, {7, 3, 4}})}) == 2 * 7 * m * n * k);
}

TEST_CASE("FLOPs of a convolution and its gradients are equal", "[operators]") {
  // N = 8, C = 4, M = 6, 2 groups, 3 × 3 kernel, 10 × 10 → 4 × 4
  const double expected = 2.0 * 8 * 6 * (4.0 / 2) * 9 * 16;
  const Attributes attributes = {{"strides", Ints{2, 2}}, {"group", std::int64_t{2}}, {"kernel_shape", Ints{3, 3}}};
  CHECK(flops({"Conv", floats({{8, 4, 10, 10}, {6, 2, 3, 3}}), attributes}) == expected);
  CHECK(flops({"Conv", floats({{8, 4, 10, 10}, {6, 2, 3, 3}, {6}}), attributes}) == expected + 8 * 6 * 16);
  CHECK(flops({"ConvWeightGrad", floats({{8, 6, 4, 4}, {8, 4, 10, 10}}), attributes}) == expected);
  Attributes transposed = attributes;
  transposed.set("output_padding", Ints{1, 1});
  CHECK(flops({"ConvTranspose", floats({{8, 6, 4, 4}, {6, 2, 3, 3}}), transposed}) == expected);
}

TEST_CASE("FLOPs of attention count the pairs that are looked at", "[operators]") {
  const Attributes full = {{"q_num_heads", std::int64_t{3}}, {"kv_num_heads", std::int64_t{3}}};
  Attributes causal = full;
  causal.set("is_causal", kOne);
  const auto operands = floats({{2, 5, 12}, {2, 5, 12}, {2, 5, 12}});
  const double heads = 2 * 3;
  const double size = 4;
  CHECK(flops({"Attention", operands, full}) == heads * 2 * 25 * (size + size));
  CHECK(flops({"Attention", operands, causal}) == heads * 2 * 15 * (size + size));
  // Queries 0 … 4 over 3 keys see 1, 2, 3, 3, 3 of them.
  CHECK(flops({"Attention", floats({{2, 5, 12}, {2, 3, 12}, {2, 3, 12}}), causal}) == heads * 2 * 12 * (size + size));
  const auto gradient = floats({{2, 5, 12}, {2, 5, 12}, {2, 5, 12}, {2, 5, 12}, {2, 5, 12}, {2, 3, 5}});
  CHECK(flops({"AttentionGrad", gradient, causal, 3}) == heads * 2 * 15 * 5 * size);
}

TEST_CASE("bytes count each operand once, and views cost nothing", "[operators]") {
  GraphBuilder builder("costs");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {3, 4}});
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {4, 5}}, {});
  const TensorId y = builder.add("Gemm", "fc", {x, w});
  const TensorId flat = builder.add("Reshape", "flat", {y}, {{"shape", Ints{15}}});
  builder.add("Transpose", "moved", {flat});
  const Graph graph = std::move(builder).build();
  const OperatorCost gemm = cost_of(graph, graph.find_node("fc").value());
  CHECK(gemm.flops == 120);
  CHECK(gemm.bytes_read == 4 * (12 + 20));
  CHECK(gemm.bytes_written == 4 * 15);
  const OperatorCost view = cost_of(graph, graph.find_node("flat").value());
  CHECK(view.bytes_read + view.bytes_written + view.flops == 0);
  const OperatorCost moved = cost_of(graph, graph.find_node("moved").value());
  CHECK(moved.flops == 0);
  CHECK(moved.bytes_read + moved.bytes_written == 4 * 30);
}
