#include "runtime/cpu/elementwise.hpp"

#include <vector>

#include "lib/base/check.hpp"

namespace mp::runtime::cpu {
namespace {

class ChainKernel final : public Kernel {
 public:
  struct Part {
    ElementwiseKernel* kernel;
    std::size_t inputs;
    std::size_t outputs;
  };
  ChainKernel(Team& team, std::vector<Part> parts) : team_(&team), parts_(std::move(parts)) {}

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    team_->for_range(
        parts_.front().kernel->elementwise_size(), kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
          std::size_t input = 0;
          std::size_t output = 0;
          for (const Part& part : parts_) {
            const Operands io{inputs.subspan(input, part.inputs), outputs.subspan(output, part.outputs), context};
            part.kernel->run_range(io, begin, end);
            input += part.inputs;
            output += part.outputs;
          }
        });
  }

 private:
  Team* team_;
  std::vector<Part> parts_;
};

}  // namespace

void ElementwiseKernel::run(std::span<const void* const> inputs, std::span<void* const> outputs,
                            const StepContext& context) {
  const Operands io{inputs, outputs, context};
  team_->for_range(size_, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) { run_range(io, begin, end); });
}

std::unique_ptr<Kernel> fuse(Team& team, std::span<const FusedPart> parts) {
  std::vector<ChainKernel::Part> own;
  for (const FusedPart& part : parts) {
    auto* kernel = dynamic_cast<ElementwiseKernel*>(part.kernel);
    if (kernel == nullptr) return nullptr;
    MP_CHECK(own.empty() || kernel->elementwise_size() == own.front().kernel->elementwise_size());
    own.push_back({kernel, part.inputs, part.outputs});
  }
  if (own.size() < 2) return nullptr;
  return std::make_unique<ChainKernel>(team, std::move(own));
}

}  // namespace mp::runtime::cpu
