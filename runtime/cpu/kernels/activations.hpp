// The elementwise functions of one operand, shared by forward and gradient.
#pragma once

#include <cstdint>

#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

enum class Activation : std::uint8_t {
  kRelu,
  kLeakyRelu,
  kElu,
  kSigmoid,
  kTanh,
  kGelu,
  kGeluTanh,
  kSwish,
  kSqrt,
  kExp,
  kLog,
  kErf,
  kNeg,
  kAbs,
};

struct ActivationCall {
  Activation kind = Activation::kRelu;
  double alpha = 0.0;
};

// The function of a node ("Gelu", "GeluGrad" …) with its constant.
[[nodiscard]] ActivationCall activation_of(const KernelCall& call);

}  // namespace mp::runtime::cpu
