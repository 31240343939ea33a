// A backend's kernels against the CPU backend's, tensor by tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "runtime/backend.hpp"
#include "tests/runtime/cpu/support/samples.hpp"

namespace mp::runtime::testing {

using MakeBackend = std::function<std::unique_ptr<Backend>()>;

enum class Run : std::uint8_t {
  kForward,
  kBackward,  // and its gradients
  kUpdate,    // and a step of AdamW
};

// Runs the sample on both, and requires every tensor to be within `tolerance` of the largest number of the CPU's, or
// both to be the same kind of NaN or infinity.
void require_same_as_cpu(const Sample& sample, Run run, const MakeBackend& make_backend, double tolerance);

// All operators of the sample's graph.
[[nodiscard]] std::set<std::string> operators_of(const Sample& sample, Run run);

}  // namespace mp::runtime::testing
