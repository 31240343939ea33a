#include "lib/operators/families.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer_gemm(const OperatorCall& call) {
  const TensorType& a = call.input(0);
  const TensorType& b = call.input(1);
  if (a.shape.size() != 2 || b.shape.size() != 2)
    throw ShapeError("A and B must have 2 dimensions, not " + to_string(a) + " and " + to_string(b));
  const bool ta = call.attributes.get_int("transA", 0) != 0;
  const bool tb = call.attributes.get_int("transB", 0) != 0;
  const std::int64_t m = a.shape[ta ? 1 : 0];
  const std::int64_t k = a.shape[ta ? 0 : 1];
  const std::int64_t k2 = b.shape[tb ? 1 : 0];
  const std::int64_t n = b.shape[tb ? 0 : 1];
  if (k != k2) throw ShapeError("A has " + std::to_string(k) + " columns, B has " + std::to_string(k2) + " rows");
  return {{DataType::kFloat32, {m, n}}};
}

}  // namespace

std::vector<Operator> gemm_operators() {
  Operator gemm;
  gemm.name = "Gemm";
  gemm.inputs = {2, 3};
  gemm.attributes = {{"transA", AttributeKind::kInt},
                     {"transB", AttributeKind::kInt},
                     {"alpha", AttributeKind::kFloat},
                     {"beta", AttributeKind::kFloat}};
  gemm.infer = infer_gemm;
  return {gemm};
}

}  // namespace mp
