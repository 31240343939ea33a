// Gemm: https://onnx.ai/onnx/operators/onnx__Gemm.html
#include <fmt/core.h>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

struct Extents {
  std::int64_t m, n, k;
};

Extents extents_of(const OperatorCall& call) {
  const Shape& a = call.input(0).shape;
  const Shape& b = call.input(1).shape;
  const bool transposed_a = flag(call, "transA");
  const bool transposed_b = flag(call, "transB");
  const std::int64_t inner_b = b[transposed_b ? 1 : 0];
  const Extents extents{a[transposed_a ? 1 : 0], b[transposed_b ? 0 : 1], a[transposed_a ? 0 : 1]};
  if (extents.k != inner_b) {
    throw ShapeError(fmt::format("the inner extents differ: {} in A{} {}, {} in B{} {}", extents.k,
                                 transposed_a ? " transposed" : "", to_string(a), inner_b,
                                 transposed_b ? " transposed" : "", to_string(b)));
  }
  return extents;
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 2, 2);
  need_rank(call, 1, 2, 2);
  const Extents extents = extents_of(call);
  const Shape result = {extents.m, extents.n};
  if (call.has_input(2) && broadcast(call.input(2).shape, result) != result) {
    throw ShapeError(fmt::format("C {} does not broadcast to {}", to_string(call.input(2).shape), to_string(result)));
  }
  return {like(call, 0, result)};
}

double flops(const OperatorCall& call, std::span<const TensorType> outputs) {
  const Extents extents = extents_of(call);
  const double product = 2.0 * static_cast<double>(extents.k) * count(outputs[0]);
  return product + (call.has_input(2) ? count(outputs[0]) : 0.0);
}

// Y = α·A′·B′ + β·C. With dA′ = α·dY·B′ᵀ and dB′ = α·A′ᵀ·dY, every case of transA and transB is one Gemm.
void differentiate(GradientBuilder& gradient) {
  const Attributes& attributes = gradient.node().attributes;
  const std::int64_t ta = attributes.get_int("transA", 0);
  const std::int64_t tb = attributes.get_int("transB", 0);
  const double alpha = attributes.get_float("alpha", 1.0);
  const double beta = attributes.get_float("beta", 1.0);
  const TensorId a = gradient.input(0);
  const TensorId b = gradient.input(1);
  const TensorId dy = gradient.output_gradient(0);
  const auto gemm = [&](std::size_t i, std::string_view what, TensorId left, std::int64_t trans_left, TensorId right,
                        std::int64_t trans_right) {
    gradient.differentiate_input(i, "Gemm", what, {left, right},
                                 {{"transA", trans_left}, {"transB", trans_right}, {"alpha", alpha}});
  };
  if (gradient.wants(0)) ta != 0 ? gemm(0, "A", b, tb, dy, 1) : gemm(0, "A", dy, 0, b, 1 - tb);
  if (gradient.wants(1)) tb != 0 ? gemm(1, "B", dy, 1, a, ta) : gemm(1, "B", a, 1 - ta, dy, 0);
  if (gradient.wants(2)) {
    const TensorId scaled =
        beta == 1.0 ? dy : gradient.add("Mul", "C.scaled", {dy, gradient.scalar(beta, "beta", gradient.type(dy).type)});
    gradient.set_broadcast_gradient(2, scaled, "C");
  }
}

}  // namespace

std::vector<Operator> gemm_operators() {
  return {{.name = "Gemm",
           .inputs = {2, 3},
           .attributes = {{"transA", AttributeKind::kInt},
                          {"transB", AttributeKind::kInt},
                          {"alpha", AttributeKind::kFloat},
                          {"beta", AttributeKind::kFloat}},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .work = WorkClass::kMatmul}};
}

}  // namespace mp
