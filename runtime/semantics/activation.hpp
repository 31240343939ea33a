// The elementwise functions of one operand.
#pragma once

#include <cstdint>

#include "runtime/semantics/node_call.hpp"

namespace mp::runtime {

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
[[nodiscard]] ActivationCall activation_of(const NodeCall& call);

}  // namespace mp::runtime
