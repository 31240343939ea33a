#include "runtime/gpu/kernels/cross_entropy_gradients.hpp"

#include "runtime/gpu/kernel_call.hpp"

namespace mp::runtime::gpu {
namespace {

class CrossEntropyWithGradient final : public Kernel {
 public:
  CrossEntropyWithGradient(Device& device, const CrossEntropyProblem& problem, const CrossEntropyParts& parts)
      : device_(device), problem_(problem), parts_(parts), scratch_(device.allocate_scratch(workspace_bytes())) {}
  // The gradient of the loss, the weights' sum, the losses.
  [[nodiscard]] std::int64_t workspace_bytes() const override {
    return (2 + problem_.lines.count()) * static_cast<std::int64_t>(sizeof(double));
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    Operands rest{inputs, outputs, context, {}};
    const Operands loss = take_operands(parts_.loss, rest);
    if (parts_.seed.kernel != nullptr) run_seed(take_operands(parts_.seed, rest));
    const Operands gradient = take_operands(parts_.gradient, rest);
    const ConstReals own_seed{scratch_.get(), gradient.real(0).is_bfloat16};
    put_in(loss, gradient, parts_.seed.kernel != nullptr ? own_seed : gradient.real(0));
  }

 private:
  void run_seed(const Operands& seed) const {
    void* const to = scratch_.get();
    parts_.seed.kernel->run(seed.inputs, {&to, 1}, seed.context);
  }
  void put_in(const Operands& loss, const Operands& gradient, ConstReals dloss) const {
    const CrossEntropyProblem& p = problem_;
    const std::int64_t count = p.lines.count();
    double* const total = reinterpret_cast<double*>(scratch_.get()) + 1;
    double* const losses = total + 1;
    const Labels labels = p.labels(loss.in<std::int64_t>(1), loss.real(2));
    const CrossEntropyRow forward{p.lines, labels, loss.real(0), losses, loss.real_out(1), loss.real_out(2)};
    const CrossEntropyGradientRow backward{p.lines, labels,           p.is_mean,        p.is_reduced,        total,
                                           dloss,   gradient.real(1), gradient.real(3), gradient.real_out(0)};
    const Queue queue = device_.queue();
    for_rows(queue, 1, count, CrossEntropyFold{count, labels, nullptr, p.is_mean, total, {}});
    for_rows(queue, count, p.lines.extent, CrossEntropyWithGradientRow{forward, backward});
    for_rows(queue, 1, count, CrossEntropyFold{count, labels, losses, p.is_mean, nullptr, loss.real_out(0)});
  }

  Device& device_;
  CrossEntropyProblem problem_;
  CrossEntropyParts parts_;
  DeviceMemory scratch_;
};

}  // namespace

std::unique_ptr<Kernel> make_cross_entropy_with_gradient(Device& device, const CrossEntropyProblem& problem,
                                                         const CrossEntropyParts& parts) {
  return std::make_unique<CrossEntropyWithGradient>(device, problem, parts);
}

}  // namespace mp::runtime::gpu
