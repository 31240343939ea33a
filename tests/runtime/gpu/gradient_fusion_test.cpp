// Sums, casts and gradients of normalizations that run in one go: found where they can be, and the same but for
// rounding.
#include <cstddef>
#include <string>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/gpu/fusion.hpp"
#include "tests/runtime/gpu/support/steps.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

using Found = std::vector<std::vector<std::size_t>>;

constexpr std::int64_t kRows = 24;
constexpr std::int64_t kInner = 8;
constexpr std::int64_t kColumns = 40;

TensorId input(GraphBuilder& builder, const std::string& name, Shape shape, DataType type = DataType::kBfloat16) {
  return builder.add_input(name, {type, std::move(shape)});
}

// y = stream + x·w
GraphBuilder residual(bool is_product_wanted = false) {
  GraphBuilder builder("residual");
  const TensorId x = input(builder, "x", {kRows, kInner});
  const TensorId w = input(builder, "w", {kInner, kColumns});
  const TensorId bias = input(builder, "bias", {kColumns});
  const TensorId stream = input(builder, "stream", {kRows, kColumns});
  const TensorId product = builder.add("Gemm", "product", {x, w, bias});
  builder.add("Add", "y", {stream, product});
  if (is_product_wanted) builder.add("Neg", "more", {product});
  return builder;
}

// Gradients of weights and bias, in float32, as differentiation of mixed precision leaves them.
GraphBuilder weight_gradients(bool is_rounded_wanted = false) {
  GraphBuilder builder("gradients");
  const TensorId x = input(builder, "x", {kRows, kInner});
  const TensorId dy = input(builder, "dy", {kRows, kColumns});
  const Attributes to_float{{"to", std::string("float32")}};
  const TensorId dw = builder.add("Gemm", "dw", {dy, x}, {{"transA", std::int64_t{1}}});
  const TensorId db =
      builder.add("ReduceSum", "db", {dy}, {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", std::int64_t{0}}});
  builder.add("Cast", "dw.float32", {dw}, to_float);
  builder.add("Cast", "db.float32", {db}, to_float);
  if (is_rounded_wanted) builder.add("Neg", "more", {dw});
  return builder;
}

struct Normalization {
  bool is_rms = false;
  bool has_stream = true;
  std::int64_t width = kColumns;
  std::int64_t rows = kRows;
};

// All gradients of a normalization, and what comes along the residual stream.
GraphBuilder normalization(const Normalization& n) {
  GraphBuilder builder("normalization");
  const TensorId dy = input(builder, "dy", {n.rows, n.width});
  const TensorId x = input(builder, "x", {n.rows, n.width});
  const TensorId scale = input(builder, "scale", {n.width}, DataType::kFloat32);
  const TensorId stream = input(builder, "stream", {n.rows, n.width});
  std::vector<TensorId> statistics;
  if (!n.is_rms) statistics.push_back(input(builder, "mean", {n.rows, 1}, DataType::kFloat32));
  statistics.push_back(input(builder, "inverse", {n.rows, 1}, DataType::kFloat32));
  std::vector<TensorId> operands{dy, x, scale};
  operands.insert(operands.end(), statistics.begin(), statistics.end());
  const std::string op = n.is_rms ? "RMSNormalization" : "LayerNormalization";
  const TensorId dx = builder.add(op + "InputGrad", "dx", operands);
  operands.erase(operands.begin() + 2);
  Node weights;
  weights.name = "weights";
  weights.op_name = op + "WeightGrad";
  weights.inputs = operands;
  builder.add_node(weights,
                   n.is_rms ? std::vector<std::string>{"dscale"} : std::vector<std::string>{"dscale", "dshift"});
  if (n.has_stream) builder.add("Add", "sum", {stream, dx});
  return builder;
}

Steps filled(GraphBuilder builder) {
  Steps steps(std::move(builder));
  steps.fill();
  return steps;
}

// Run in one go and one by one: what may differ is a rounding to bfloat16, of values of about `size`.
void check_alike(Steps& fused, Steps& plain, const std::vector<std::string>& names, double epsilon, double size) {
  fused.run(true);
  plain.run(false);
  for (const std::string& name : names) {
    INFO(name);
    const std::vector<float> got = fused.floats(name);
    const std::vector<float> expected = plain.floats(name);
    double largest = 0.0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      REQUIRE(got[i] == Approx(expected[i]).epsilon(epsilon).margin(epsilon * size));
      largest = std::max(largest, static_cast<double>(std::abs(got[i])));
    }
    CHECK(largest > 0.0);
  }
}

}  // namespace

TEST_CASE("a product is added to a residual stream as it is made", "[gpu-kernels][fused]") {
  CHECK(Steps(residual()).fused() == Found{{0, 1}});
  CHECK(Steps(residual(true)).fused().empty());
  CHECK(Steps(residual(), {.epilogues = false}).fused().empty());
  Steps over_operand(residual());
  over_operand.put("y", "x");
  CHECK(over_operand.fused().empty());
  for (const bool is_in_place : {false, true}) {
    CAPTURE(is_in_place);
    Steps fused = filled(residual());
    Steps plain = filled(residual());
    if (is_in_place) fused.put("y", "stream");
    check_alike(fused, plain, {"y"}, 0.01, 1.0);
  }
}

TEST_CASE("gradients of weights and biases are made in float32 at once", "[gpu-kernels][fused]") {
  CHECK(Steps(weight_gradients()).fused() == Found{{0, 1, 2, 3}});
  CHECK(Steps(weight_gradients(true)).fused() == Found{{0, 1, 3}});  // somebody wants them rounded
  Steps fused = filled(weight_gradients());
  Steps plain = filled(weight_gradients());
  check_alike(fused, plain, {"dw.float32", "db.float32"}, 0.01, 1.0);
  Steps refused(weight_gradients(), {.refuses_epilogues = true});
  refused.fill();
  refused.run(true);
  CHECK(refused.floats("dw.float32") == plain.floats("dw.float32"));
  CHECK(refused.floats("db.float32") == plain.floats("db.float32"));
}

TEST_CASE("all gradients of a normalization are made in one pass over its rows", "[gpu-kernels][fused]") {
  CHECK(Steps(normalization({})).fused() == Found{{0, 1, 2}});
  CHECK(Steps(normalization({.has_stream = false})).fused() == Found{{0, 1}});
  CHECK(Steps(normalization({.width = 36})).fused().empty());  // no whole packs
  CHECK(Steps(normalization({}), {.epilogues = false}).fused().empty());
  for (const bool is_rms : {false, true}) {
    for (const std::int64_t rows : {24, 1500}) {  // of a slice: one, and several
      CAPTURE(is_rms, rows);
      const Normalization n{.is_rms = is_rms, .width = 24, .rows = rows};
      Steps fused = filled(normalization(n));
      Steps plain = filled(normalization(n));
      std::vector<std::string> names{"sum", "dscale"};
      if (!is_rms) names.push_back("dshift");
      check_alike(fused, plain, names, 0.01, 1.0);
    }
  }
}

TEST_CASE("the gradient of a normalization is written over what it reads only row by row", "[gpu-kernels][fused]") {
  for (const std::string over : {"dy", "x", "stream"}) {
    INFO(over);
    Steps fused = filled(normalization({}));
    fused.put("sum", over);
    CHECK(fused.fused() == Found{{0, 1, 2}});
    Steps plain = filled(normalization({}));
    check_alike(fused, plain, {"sum", "dscale", "dshift"}, 0.01, 1.0);
  }
  Steps over_statistics(normalization({}));
  over_statistics.put("sum", "mean");
  CHECK(over_statistics.fused().empty());
}
