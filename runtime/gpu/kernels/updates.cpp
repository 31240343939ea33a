#include "runtime/gpu/kernels/updates.hpp"

#include <variant>
#include <vector>

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/optimizers.hpp"
#include "runtime/gpu/operand_table.hpp"

namespace mp::runtime::gpu {
namespace {

struct Part {
  UpdateRole role;
  OperandTypes types;
  std::size_t inputs;
  std::size_t outputs;
};

UpdatedTensor row_of(const Part& part, const Operands& io, std::int64_t first_chunk) {
  const UpdateRole& role = part.role;
  return {.first_chunk = first_chunk,
          .size = role.size,
          .constants = static_cast<std::int64_t>(role.constants),
          .is_adam = role.is_adam,
          .w = io.real_out(0),
          .gradient = io.real(1),
          .m = role.has_state ? io.out(1) : nullptr,
          .v = role.is_adam ? io.out(2) : nullptr,
          .factor = io.in(role.factor),
          .copy = role.copy == kNoOperand ? Reals{} : io.real_out(role.copy)};
}

class Updates final : public Kernel {
 public:
  Updates(Device& device, std::vector<Part> parts)
      : device_(device), parts_(std::move(parts)), table_(device, parts_.size()) {
    for (const Part& part : parts_) chunks_ += divide_up(part.role.size, UpdateChunkRow::kChunk);
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    const UpdatedTensor* rows = table_.rows(inputs, outputs, [&] { return make_rows({inputs, outputs, context, {}}); });
    const auto* values = static_cast<const std::byte*>(device_.step_value(0, context));
    for_rows(device_.queue(), chunks_, UpdateChunkRow::kChunk,
             UpdateChunkRow{rows, static_cast<std::int64_t>(parts_.size()), values});
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return table_.size_bytes(); }

 private:
  [[nodiscard]] std::vector<UpdatedTensor> make_rows(Operands all) const {
    std::vector<UpdatedTensor> rows;
    std::int64_t chunk = 0;
    for (const Part& part : parts_) {
      const Operands own{all.inputs.first(part.inputs), all.outputs.first(part.outputs), all.context, part.types};
      rows.push_back(row_of(part, own, chunk));
      chunk += divide_up(part.role.size, UpdateChunkRow::kChunk);
      all.inputs = all.inputs.subspan(part.inputs);
      all.outputs = all.outputs.subspan(part.outputs);
    }
    return rows;
  }

  Device& device_;
  std::vector<Part> parts_;
  OperandTable<UpdatedTensor> table_;
  std::int64_t chunks_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_updates(Device& device, std::span<const FusedPart> parts) {
  std::vector<Part> made;
  for (const FusedPart& part : parts) {
    const auto& kernel = dynamic_cast<const GpuKernel&>(*part.kernel);
    made.push_back({std::get<UpdateRole>(kernel.role()), kernel.types(), part.inputs, part.outputs});
  }
  return std::make_unique<Updates>(device, std::move(made));
}

}  // namespace mp::runtime::gpu
