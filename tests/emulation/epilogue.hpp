// What cuBLASLt does to a product before it stores it: one column at a time.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <span>

#include "tests/emulation/product.hpp"

namespace mp::emulation {

struct Epilogue {
  std::uint32_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  Matrix bias;       // or its gradient: a number to each row of D (BGRADB: to each column)
  Matrix auxiliary;  // what GELU is applied to: written forwards, read backwards

  [[nodiscard]] bool has(cublasLtEpilogue_t part) const {
    return (kind & static_cast<std::uint32_t>(part)) == static_cast<std::uint32_t>(part);
  }
  [[nodiscard]] bool needs_bias() const;
  [[nodiscard]] bool needs_auxiliary() const { return kind >= 128; }
};

// Whether it is one of those that are emulated: BIAS, GELU and their gradients.
[[nodiscard]] bool is_emulated(const Epilogue& epilogue);

void multiply(const Product& product, const Epilogue& epilogue);

}  // namespace mp::emulation
