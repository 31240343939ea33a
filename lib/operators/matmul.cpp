// MatMul: https://onnx.ai/onnx/operators/onnx__MatMul.html; FusedMatMul: ONNX Runtime's contributed operator.
#include <fmt/core.h>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

Shape leading(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

// Extents of the last two dimensions, transposed if so said.
struct Matrix {
  std::int64_t rows, columns;
};

Matrix matrix_of(const Shape& shape, bool transposed) {
  const std::int64_t first = shape[shape.size() - 2];
  const std::int64_t second = shape.back();
  return transposed ? Matrix{second, first} : Matrix{first, second};
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 2, kMaxRank);
  need_rank(call, 1, 2, kMaxRank);
  const Shape& a = call.input(0).shape;
  const Shape& b = call.input(1).shape;
  const Matrix left = matrix_of(a, flag(call, "transA"));
  const Matrix right = matrix_of(b, flag(call, "transB"));
  if (left.columns != right.rows) {
    throw ShapeError(fmt::format("the inner extents differ: {} in A {}, {} in B {}", left.columns, to_string(a),
                                 right.rows, to_string(b)));
  }
  Shape result = broadcast(leading(a), leading(b));
  result.push_back(left.rows);
  result.push_back(right.columns);
  return {like(call, 0, std::move(result))};
}

double flops(const OperatorCall& call, std::span<const TensorType> outputs) {
  const Matrix left = matrix_of(call.input(0).shape, flag(call, "transA"));
  return 2.0 * static_cast<double>(left.columns) * count(outputs[0]);
}

std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 2, kMaxRank);
  need_rank(call, 1, 2, kMaxRank);
  const Shape& dy = call.input(0).shape;
  const Shape& a = call.input(1).shape;
  Shape rows_of_dy(dy.begin(), dy.end() - 1);
  if (rows_of_dy != Shape(a.begin(), a.end() - 1)) {
    throw ShapeError(
        fmt::format("dY {} and A {} must agree in all dimensions but the last", to_string(dy), to_string(a)));
  }
  return {float32({a.back(), dy.back()})};
}

double flops_weight_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 2.0 * count(call.input(1)) * static_cast<double>(call.input(0).shape.back());
}

// dA′ = α·dY·B′ᵀ, dB′ = α·A′ᵀ·dY, summed where the leading dimensions were broadcast.
void differentiate(GradientBuilder& gradient) {
  const Attributes& attributes = gradient.node().attributes;
  const std::int64_t ta = attributes.get_int("transA", 0);
  const std::int64_t tb = attributes.get_int("transB", 0);
  const double alpha = attributes.get_float("alpha", 1.0);
  const TensorId a = gradient.input(0);
  const TensorId b = gradient.input(1);
  const TensorId dy = gradient.output_gradient(0);
  const auto product = [&](std::size_t i, std::string_view what, TensorId left, std::int64_t trans_left, TensorId right,
                           std::int64_t trans_right) {
    const TensorId full = gradient.add("FusedMatMul", what, {left, right},
                                       {{"transA", trans_left}, {"transB", trans_right}, {"alpha", alpha}});
    gradient.set_broadcast_gradient(i, full, what);
  };
  if (gradient.wants(0)) ta != 0 ? product(0, "A", b, tb, dy, 1) : product(0, "A", dy, 0, b, 1 - tb);
  if (!gradient.wants(1)) return;
  const Shape& shape_a = gradient.type(a).shape;
  const bool is_weight = gradient.type(b).shape.size() == 2 && shape_a.size() > 2;
  if (is_weight && ta == 0 && tb == 0 && alpha == 1.0) {
    gradient.differentiate_input(1, "MatMulWeightGrad", "B", {dy, a});
  } else {
    tb != 0 ? product(1, "B", dy, 1, a, ta) : product(1, "B", a, 1 - ta, dy, 0);
  }
}

}  // namespace

std::vector<Operator> matmul_operators() {
  return {{.name = "MatMul",
           .inputs = {2, 2},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .work = WorkClass::kMatmul},
          {.name = "FusedMatMul",
           .inputs = {2, 2},
           .attributes = {{"transA", AttributeKind::kInt},
                          {"transB", AttributeKind::kInt},
                          {"alpha", AttributeKind::kFloat}},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .work = WorkClass::kMatmul},
          {.name = "MatMulWeightGrad",
           .inputs = {2, 2},
           .infer = infer_weight_grad,
           .flops = flops_weight_grad,
           .work = WorkClass::kMatmul}};
}

}  // namespace mp
