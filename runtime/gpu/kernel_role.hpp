// What a kernel does, for those that several of which, or neighbours of which, can be launched as one (fusion.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernels/sequence.hpp"
#include "runtime/gpu/kernels/softmax.hpp"
#include "runtime/semantics/activation.hpp"

namespace mp::runtime::gpu {

inline constexpr std::size_t kNoOperand = 64;

// SgdUpdate, AdamUpdate: w, gradient, state → w, state.
struct UpdateRole {
  bool is_adam = false;
  std::int64_t size = 0;
  std::size_t constants = 0;        // position of SgdConstants or AdamConstants in StepValues
  bool has_state = false;           // velocity; m and v
  std::size_t factor = kNoOperand;  // input: a factor of the gradient
  std::size_t copy = kNoOperand;    // output: w rounded
};

// One matrix product of two inputs, with beta 0.
struct ProductRole {
  MatrixProduct product{};  // without operands
  std::size_t a = 0;        // inputs
  std::size_t b = 1;
  std::size_t bias = kNoOperand;
};

// A function of one input, or its gradient: of the output's gradient and what was kept.
struct ActivationRole {
  Activation kind = Activation::kRelu;
  bool is_gradient = false;
};

// The columns of a matrix, each added up.
struct ColumnSumRole {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

// float32 of bfloat16, or the other way.
struct CastRole {
  std::int64_t size = 0;
};

// Two tensors of one shape, added.
struct SumRole {
  std::int64_t size = 0;
};

// The gradients of a layer or RMS normalization: of its input, or of its weights.
struct NormalizationGradientRole {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  bool is_rms = false;
  bool of_weights = false;
};

// SoftmaxCrossEntropyLoss, or its gradient.
struct CrossEntropyRole {
  CrossEntropyProblem problem{};
  bool is_gradient = false;
};

// The gradient of what Gather gathered from.
struct GatherGradientRole {
  Slices slices{};
  Fault* fault = nullptr;
};

using KernelRole = std::variant<std::monostate, UpdateRole, ProductRole, ActivationRole, ColumnSumRole, CastRole,
                                SumRole, NormalizationGradientRole, CrossEntropyRole, GatherGradientRole>;

}  // namespace mp::runtime::gpu
