#include "runtime/gpu/fused_product.hpp"

#include <utility>
#include <variant>

namespace mp::runtime::gpu {
namespace {

class FusedProduct final : public Kernel {
 public:
  FusedProduct(Device& device, FusedProductParts parts)
      : device_(device),
        parts_(std::move(parts)),
        role_(std::get<ProductRole>(dynamic_cast<const GpuKernel&>(*parts_.product.kernel).role())),
        taken_(parts_.followers.size()) {}

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    std::size_t own_inputs = 0;  // where the product's begin
    std::size_t own_outputs = 0;
    for (const Follower& follower : parts_.followers) {
      own_inputs += parts_.product_is_last ? follower.part.inputs : 0;
      own_outputs += parts_.product_is_last ? follower.part.outputs : 0;
    }
    Operands own{inputs.subspan(own_inputs), outputs.subspan(own_outputs), context, {}};
    const Operands product = take_operands(parts_.product, own);
    Operands rest{inputs.subspan(parts_.product_is_last ? 0 : parts_.product.inputs),
                  outputs.subspan(parts_.product_is_last ? 0 : parts_.product.outputs),
                  context,
                  {}};
    std::vector<Operands> others;
    for (const Follower& follower : parts_.followers) others.push_back(take_operands(follower.part, rest));
    // What the library has refused once it refuses always.
    while (taken_ > 0 && !device_.multiply_fused(fused(product, others))) --taken_;
    if (taken_ == 0) parts_.product.kernel->run(product.inputs, product.outputs, context);
    for (std::size_t i = taken_; i < others.size(); ++i) {
      parts_.followers[i].part.kernel->run(others[i].inputs, others[i].outputs, context);
    }
  }

 private:
  [[nodiscard]] MatrixProduct fused(const Operands& product, const std::vector<Operands>& others) const {
    MatrixProduct call = role_.product;
    call.a = product.real(role_.a);
    call.b = product.real(role_.b);
    call.c = product.real_out(0);
    if (role_.bias != kNoOperand) call.bias = product.real(role_.bias);
    for (std::size_t i = 0; i < taken_; ++i) {
      const Operands& other = others[i];
      switch (parts_.followers[i].kind) {
        case FollowerKind::kEpilogue:
          add_epilogue(parts_.followers[i].epilogue, product, other, call);
          break;
        case FollowerKind::kAddition:
          call.added = other.real(other.inputs[0] == product.outputs[0] ? 1 : 0);
          call.c = other.real_out(0);
          break;
        case FollowerKind::kCast:
          call.c = other.real_out(0);
          break;
        case FollowerKind::kCastOfSums:
          call.sums = other.real_out(0);
          break;
      }
    }
    return call;
  }

  static void add_epilogue(Epilogue epilogue, const Operands& product, const Operands& other, MatrixProduct& call) {
    call.epilogue = epilogue;
    switch (epilogue) {
      case Epilogue::kNone:
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
        call.sums = other.real_out(0);
        break;
    }
  }

  Device& device_;
  FusedProductParts parts_;
  ProductRole role_;
  std::size_t taken_;  // followers that the library does with the product
};

}  // namespace

std::unique_ptr<Kernel> make_fused_product(Device& device, FusedProductParts parts) {
  return std::make_unique<FusedProduct>(device, std::move(parts));
}

}  // namespace mp::runtime::gpu
