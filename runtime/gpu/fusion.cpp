#include "runtime/gpu/fusion.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "runtime/gpu/fused_product.hpp"
#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/updates.hpp"

namespace mp::runtime::gpu {
namespace {

using Ranges = std::vector<MemoryRange>;

const GpuKernel* gpu_kernel(const FusionStep& step) { return dynamic_cast<const GpuKernel*>(step.kernel); }

// Null: a kernel without one, or none.
template <class Role>
const Role* role_of(const FusionStep& step) {
  const GpuKernel* kernel = gpu_kernel(step);
  return kernel == nullptr ? nullptr : std::get_if<Role>(&kernel->role());
}

FusedPart part_of(const FusionStep& step) { return {step.kernel, step.inputs.size(), step.outputs.size()}; }

// An update reads nothing that another writes: each has a parameter and its state for itself. Empty parameters have no
// chunk in the table.
bool is_update(const FusionStep& step) {
  const UpdateRole* role = role_of<UpdateRole>(step);
  return role != nullptr && role->size > 0;
}

void find_updates(Device& device, std::span<const FusionStep> steps, std::vector<Fusion>& fusions) {
  for (std::size_t first = 0; first < steps.size();) {
    std::size_t end = first;
    std::vector<FusedPart> parts;
    Fusion fusion;
    for (; end < steps.size() && is_update(steps[end]); ++end) {
      fusion.steps.push_back(end);
      parts.push_back(part_of(steps[end]));
    }
    if (parts.size() > 1) {
      fusion.kernel = make_updates(device, parts);
      fusions.push_back(std::move(fusion));
    }
    first = end + 1;
  }
}

bool overlap(const Ranges& a, const Ranges& b) {
  const std::less<> before;
  return std::any_of(a.begin(), a.end(), [&](const MemoryRange& x) {
    return std::any_of(b.begin(), b.end(), [&](const MemoryRange& y) {
      return x.first != nullptr && y.first != nullptr && before(x.first, y.first + y.size_bytes) &&
             before(y.first, x.first + x.size_bytes);
    });
  });
}

// Whether `later` can be done before `between`, of which it needs nothing.
bool can_pass(const FusionStep& later, const FusionStep& between) {
  return !between.is_barrier && !overlap(later.outputs, between.inputs) && !overlap(later.outputs, between.outputs) &&
         !overlap(later.inputs, between.outputs);
}

bool all_bfloat16(const FusionStep& step, std::size_t inputs) {
  const OperandTypes types = gpu_kernel(step)->types();
  const std::uint64_t wanted = (std::uint64_t{1} << inputs) - 1;
  return (types.inputs & wanted) == wanted && (types.outputs & 1U) != 0;
}

// What `other` is to the product; kNone: nothing that can be done with it.
Epilogue epilogue_of(const FusionStep& product, const FusionStep& other) {
  const ProductRole& role = *role_of<ProductRole>(product);
  const std::byte* y = product.outputs[0].first;
  if (product.microbatch != other.microbatch || overlap(other.outputs, product.inputs)) return Epilogue::kNone;
  if (const auto* activation = role_of<ActivationRole>(other); activation != nullptr) {
    const bool is_of_product = other.inputs[0].first == y && activation->kind == Activation::kGeluTanh;
    if (!is_of_product || !all_bfloat16(other, activation->is_gradient ? 2 : 1)) return Epilogue::kNone;
    if (!activation->is_gradient) return Epilogue::kGelu;
    const bool is_possible = role.is_for_gelu_gradient && role.bias == kNoOperand &&
                             !overlap(other.outputs, {other.inputs[1]}) && other.inputs[1].first != y;
    return is_possible ? Epilogue::kGeluGradient : Epilogue::kNone;
  }
  const auto* sums = role_of<ColumnSumRole>(other);
  if (sums == nullptr || role.bias != kNoOperand || !all_bfloat16(other, 1)) return Epilogue::kNone;
  if (overlap(other.outputs, product.outputs)) return Epilogue::kNone;
  const MatrixProduct& p = role.product;
  const auto is_operand = [&](std::size_t operand, std::int64_t columns) {
    return other.inputs[0].first == product.inputs[operand].first && sums->rows == p.k && sums->columns == columns;
  };
  if (!p.transpose_b && is_operand(role.b, p.n)) return Epilogue::kColumnSums;
  if (p.transpose_a && is_operand(role.a, p.m)) return Epilogue::kRowSums;
  return Epilogue::kNone;
}

bool is_bfloat16_product(const FusionStep& step) {
  const ProductRole* role = role_of<ProductRole>(step);
  return role != nullptr && all_bfloat16(step, role->bias == kNoOperand ? 2 : 3);
}

void find_epilogues(Device& device, std::span<const FusionStep> steps, std::vector<Fusion>& fusions) {
  constexpr std::size_t kFarthest = 12;  // steps between a product and what it takes with it
  std::vector<bool> is_taken(steps.size(), false);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (is_taken[i] || !is_bfloat16_product(steps[i])) continue;
    const auto can_come = [&](std::size_t j) {
      for (std::size_t k = i + 1; k < j; ++k) {
        if (!can_pass(steps[j], steps[k])) return false;
      }
      return true;
    };
    for (std::size_t j = i + 1; j < std::min(steps.size(), i + 1 + kFarthest) && !steps[j].is_barrier; ++j) {
      const Epilogue epilogue = is_taken[j] ? Epilogue::kNone : epilogue_of(steps[i], steps[j]);
      if (epilogue == Epilogue::kNone || !can_come(j)) continue;
      fusions.push_back({{i, j}, make_fused_product(device, {part_of(steps[i]), part_of(steps[j]), epilogue})});
      is_taken[j] = true;
      break;
    }
  }
}

}  // namespace

std::vector<Fusion> find_fusions(Device& device, std::span<const FusionStep> steps, const FusionOptions& options) {
  std::vector<Fusion> fusions;
  find_updates(device, steps, fusions);
  if (options.epilogues) find_epilogues(device, steps, fusions);
  return fusions;
}

}  // namespace mp::runtime::gpu
