// What the kernels' factories need of the device they make kernels for. runtime/cuda has the GPU; HostDevice stands in
// for it in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/graph/types.hpp"
#include "runtime/backend.hpp"
#include "runtime/gpu/launch.hpp"
#include "runtime/gpu/values.hpp"

namespace mp::runtime::gpu {

// What is done to a product while it is at hand.
enum class Epilogue : std::uint8_t {
  kNone,
  kGelu,          // C ← gelu(C), the tanh kind; `kept`, if there is one, gets what it was before
  kGeluGradient,  // C ← C · gelu′(kept)
  kColumnSums,    // sums[n] ← the columns of op(B), each added up
  kRowSums,       // sums[m] ← the rows of op(A), each added up
};

// C (m × n) ← alpha · op(A) · op(B) + beta · C, `batch` times with the strides between; all row-major; op(A) is m × k,
// op(B) is k × n. Products of bfloat16 are summed in float32. With beta = 0 whatever C held is overwritten.
struct MatrixProduct {
  bool transpose_a = false;
  bool transpose_b = false;
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  float alpha = 1.0F;
  float beta = 0.0F;
  ConstReals a{};
  std::int64_t lda = 0;  // elements from a row as stored to the next
  std::int64_t stride_a = 0;
  ConstReals b{};
  std::int64_t ldb = 0;
  std::int64_t stride_b = 0;
  Reals c{};
  std::int64_t ldc = 0;
  std::int64_t stride_c = 0;
  std::int64_t batch = 1;
  ConstReals bias{};   // n numbers added to every row of C; may be null
  ConstReals added{};  // laid out as C and of its type, added to the product; may be null, and may be C
  Epilogue epilogue = Epilogue::kNone;
  Reals kept{};  // laid out as C
  Reals sums{};
};

class Convolution {
 public:
  virtual ~Convolution() = default;
  virtual void run(const ConvolutionOperands& operands) = 0;
  // Of the device's shared scratch, from its start: reserved, and overwritten by run().
  [[nodiscard]] virtual std::int64_t shared_bytes() const { return 0; }
};

// Attention that keeps no scores in memory.
class FusedAttention {
 public:
  virtual ~FusedAttention() = default;
  virtual void run(const AttentionOperands& operands) = 0;
};

// Numbers that follow from the step (learning rate, step count) and that kernels read from device memory: a recorded
// step can be replayed with other numbers.
class StepValues {
 public:
  using Fill = std::function<void(const StepContext& context, void* to)>;
  // The position of `size_bytes` bytes that `fill` writes at the start of every step; a multiple of 8.
  std::size_t add(std::size_t size_bytes, Fill fill);
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  void fill(const StepContext& context, std::byte* to) const;

 private:
  struct Slot {
    std::size_t offset;
    Fill fill;
  };
  std::vector<Slot> slots_;
  std::size_t size_bytes_ = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual Queue queue() const = 0;
  // Scratch of one kernel, and scratch that all kernels of the device use one after the other: at least as much as the
  // largest reservation, at an address that is known once all kernels are made.
  [[nodiscard]] virtual DeviceMemory allocate_scratch(std::int64_t size_bytes) = 0;
  virtual void reserve_shared(std::int64_t size_bytes) = 0;
  [[nodiscard]] virtual std::byte* shared() = 0;
  // While kernels are made: waits.
  virtual void upload(void* to, const void* from, std::int64_t size_bytes) = 0;
  // In the queue's order.
  virtual void clear(void* memory, std::int64_t size_bytes) = 0;
  virtual void move(void* to, const void* from, std::int64_t size_bytes) = 0;
  virtual void multiply(const MatrixProduct& product) = 0;  // without an epilogue
  // One product (batch 1, beta 0) with its epilogue. False: the device's library has none such, and nothing was done.
  [[nodiscard]] virtual bool multiply_fused(const MatrixProduct& product) = 0;
  // Null where the device's library has none of this kind: the kernels of runtime/gpu do it.
  [[nodiscard]] virtual std::unique_ptr<Convolution> make_convolution(const ConvolutionShape& shape,
                                                                      ConvolutionPass pass, bool is_bfloat16) = 0;
  // Null where the device's library has none of this kind, or is not to be used: attention.cpp does it by blocks.
  // `is_deterministic` is the device's to say.
  [[nodiscard]] virtual std::unique_ptr<FusedAttention> make_attention(const AttentionProblem& problem) = 0;
  // Where a kernel reports a fault; `describe` makes the error's text of it, which the next synchronize throws.
  using Describe = std::function<std::string(const Fault& fault)>;
  [[nodiscard]] virtual Fault* add_fault(Describe describe) = 0;

  [[nodiscard]] StepValues& step_values() { return step_values_; }
  // The address of a position of step_values(), filled for `context`.
  [[nodiscard]] virtual const void* step_value(std::size_t position, const StepContext& context) = 0;

 private:
  StepValues step_values_;
};

}  // namespace mp::runtime::gpu
