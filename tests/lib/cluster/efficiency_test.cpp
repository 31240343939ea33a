#include "lib/cluster/efficiency.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using mp::DataType;
using mp::EfficiencyCurve;
using mp::WorkClass;

TEST_CASE("efficiency is linear in the logarithm of the size between its points", "[cluster]") {
  const EfficiencyCurve curve{.work = WorkClass::kMatmul, .type = {}, .points = {{1e3, 0.1}, {1e5, 0.5}, {1e6, 0.9}}};
  CHECK(fraction_at(curve, 0.0) == 0.1);
  CHECK(fraction_at(curve, 1e3) == Approx(0.1));
  CHECK(fraction_at(curve, 1e4) == Approx(0.3));
  CHECK(fraction_at(curve, 1e5) == Approx(0.5));
  CHECK(fraction_at(curve, 1e6) == Approx(0.9));
  CHECK(fraction_at(curve, 1e9) == 0.9);
}

TEST_CASE("the curve of the element type goes before the one for every type", "[cluster]") {
  const std::vector<EfficiencyCurve> curves = {
      {.work = WorkClass::kMatmul, .type = {}, .points = {{1.0, 0.3}}},
      {.work = WorkClass::kMatmul, .type = DataType::kBfloat16, .points = {{1.0, 0.4}}}};
  CHECK(efficiency(curves, WorkClass::kMatmul, DataType::kFloat32, 10.0) == 0.3);
  CHECK(efficiency(curves, WorkClass::kMatmul, DataType::kBfloat16, 10.0) == 0.4);
  CHECK(efficiency(curves, WorkClass::kMemory, DataType::kBfloat16, 10.0) == 1.0);
}
