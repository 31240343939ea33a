#include "runtime/gpu/fused_product.hpp"

#include <variant>

#include "lib/base/check.hpp"

namespace mp::runtime::gpu {
namespace {

class FusedProduct final : public Kernel {
 public:
  FusedProduct(Device& device, const FusedProductParts& parts)
      : device_(device),
        parts_(parts),
        role_(std::get<ProductRole>(dynamic_cast<const GpuKernel&>(*parts.product.kernel).role())) {}

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    const Operands product =
        operands(parts_.product, inputs.first(parts_.product.inputs), outputs.first(parts_.product.outputs), context);
    const Operands other =
        operands(parts_.other, inputs.subspan(parts_.product.inputs), outputs.subspan(parts_.product.outputs), context);
    if (device_.multiply_fused(fused(product, other))) return;
    parts_.product.kernel->run(product.inputs, product.outputs, context);
    parts_.other.kernel->run(other.inputs, other.outputs, context);
  }

 private:
  static Operands operands(const FusedPart& part, std::span<const void* const> inputs, std::span<void* const> outputs,
                           const StepContext& context) {
    return {inputs, outputs, context, dynamic_cast<const GpuKernel&>(*part.kernel).types()};
  }

  [[nodiscard]] MatrixProduct fused(const Operands& product, const Operands& other) const {
    MatrixProduct call = role_.product;
    call.epilogue = parts_.epilogue;
    call.a = product.real(role_.a);
    call.b = product.real(role_.b);
    if (role_.bias != kNoOperand) call.bias = product.real(role_.bias);
    switch (parts_.epilogue) {
      case Epilogue::kNone:
        MP_CHECK(false);
        break;
      case Epilogue::kGelu:  // done in place: nobody wants what went in
        call.c = other.real_out(0);
        if (product.outputs[0] != other.outputs[0]) call.kept = product.real_out(0);
        break;
      case Epilogue::kGeluGradient:
        call.c = other.real_out(0);
        call.kept = {const_cast<void*>(other.inputs[1]), (other.types.inputs >> 1U & 1U) != 0};
        break;
      case Epilogue::kColumnSums:
      case Epilogue::kRowSums:
        call.c = product.real_out(0);
        call.sums = other.real_out(0);
        break;
    }
    return call;
  }

  Device& device_;
  FusedProductParts parts_;
  ProductRole role_;
};

}  // namespace

std::unique_ptr<Kernel> make_fused_product(Device& device, const FusedProductParts& parts) {
  return std::make_unique<FusedProduct>(device, parts);
}

}  // namespace mp::runtime::gpu
