#include "tests/emulation/epilogue.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace mp::emulation {
namespace {

// The one with the hyperbolic tangent, which is cuBLASLt's: Hendrycks and Gimpel, "Gaussian error linear units", 2016.
constexpr double kScale = 0.7978845608028654;  // √(2/π)
constexpr double kCube = 0.044715;

float gelu(float value) {
  const double x = static_cast<double>(value);
  return static_cast<float>(0.5 * x * (1.0 + std::tanh(kScale * (x + kCube * x * x * x))));
}

float gelu_slope(float value) {
  const double x = static_cast<double>(value);
  const double t = std::tanh(kScale * (x + kCube * x * x * x));
  return static_cast<float>(0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * kScale * (1.0 + 3.0 * kCube * x * x));
}

constexpr std::array kEmulated = {CUBLASLT_EPILOGUE_DEFAULT,       CUBLASLT_EPILOGUE_BIAS,
                                  CUBLASLT_EPILOGUE_GELU,          CUBLASLT_EPILOGUE_GELU_BIAS,
                                  CUBLASLT_EPILOGUE_GELU_AUX,      CUBLASLT_EPILOGUE_DGELU,
                                  CUBLASLT_EPILOGUE_DGELU_BGRAD,   CUBLASLT_EPILOGUE_BGRADA,
                                  CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_BGRADB};

bool is_one_of(std::uint32_t kind, std::initializer_list<cublasLtEpilogue_t> kinds) {
  return std::any_of(kinds.begin(), kinds.end(),
                     [kind](cublasLtEpilogue_t k) { return static_cast<std::uint32_t>(k) == kind; });
}

// Sums over k: of op(A)'s rows or op(B)'s columns.
void reduce_operands(const Product& p, const Epilogue& e) {
  const bool is_a = is_one_of(e.kind, {CUBLASLT_EPILOGUE_BGRADA});
  for (std::int64_t i = 0; i < (is_a ? p.m : p.n); ++i) {
    float sum = 0.0F;
    for (std::int64_t k = 0; k < p.k; ++k) {
      const bool along = is_a ? p.transpose_a : !p.transpose_b;
      const Matrix& matrix = is_a ? p.a : p.b;
      sum += matrix.get(along ? i * matrix.leading + k : k * matrix.leading + i);
    }
    e.bias.set(i, sum);
  }
}

}  // namespace

bool Epilogue::needs_bias() const {
  return has(CUBLASLT_EPILOGUE_BIAS) ||
         is_one_of(kind, {CUBLASLT_EPILOGUE_DGELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB});
}

bool is_emulated(const Epilogue& epilogue) {
  return std::any_of(kEmulated.begin(), kEmulated.end(),
                     [&](cublasLtEpilogue_t kind) { return static_cast<std::uint32_t>(kind) == epilogue.kind; });
}

void multiply(const Product& p, const Epilogue& e) {
  const bool is_backward = is_one_of(e.kind, {CUBLASLT_EPILOGUE_DGELU, CUBLASLT_EPILOGUE_DGELU_BGRAD});
  const bool reduces_operand = is_one_of(e.kind, {CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB});
  const bool is_gelu = !is_backward && !reduces_operand && e.has(CUBLASLT_EPILOGUE_GELU);
  const bool adds_bias = !is_backward && !reduces_operand && e.has(CUBLASLT_EPILOGUE_BIAS);
  std::vector<float> column(static_cast<std::size_t>(p.m));
  std::vector<float> sums(static_cast<std::size_t>(p.m), 0.0F);
  const ProductColumns columns(p, 0);
  for (std::int64_t j = 0; j < p.n; ++j) {
    columns.column(j, column);
    for (std::int64_t i = 0; i < p.m; ++i) {
      float x = column[static_cast<std::size_t>(i)];
      if (adds_bias) x += e.bias.get(i);
      const std::int64_t place = j * e.auxiliary.leading + i;
      if (is_gelu && e.needs_auxiliary()) e.auxiliary.set(place, x);
      if (is_gelu) x = gelu(x);
      if (is_backward) x *= gelu_slope(e.auxiliary.get(place));
      sums[static_cast<std::size_t>(i)] += x;
      p.d.set(j * p.d.leading + i, x);
    }
  }
  if (reduces_operand) reduce_operands(p, e);
  if (!is_one_of(e.kind, {CUBLASLT_EPILOGUE_DGELU_BGRAD})) return;
  for (std::int64_t i = 0; i < p.m; ++i) e.bias.set(i, sums[static_cast<std::size_t>(i)]);
}

}  // namespace mp::emulation
