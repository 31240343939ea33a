// What a device can do in one go instead of one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/backend.hpp"

namespace mp::runtime {

struct MemoryRange {
  std::byte* first = nullptr;  // null: the operand is absent
  std::int64_t size_bytes = 0;
};

// An instruction as a backend sees it that looks for what it can fuse.
struct FusionStep {
  Kernel* kernel = nullptr;  // null: not a node's
  std::int32_t microbatch = -1;
  // Waits for another thread or reads the host's memory: nothing moves past it.
  bool is_barrier = false;
  std::vector<MemoryRange> inputs = {};
  std::vector<MemoryRange> outputs = {};
};

// Steps of one microbatch that `kernel` does at the place of the first that is listed. Its operands are theirs in a
// row, as they are listed. The steps' kernels outlive it.
struct Fusion {
  std::vector<std::size_t> steps;
  std::unique_ptr<Kernel> kernel;
};

// A fusion with its operands' addresses.
struct FusedSteps {
  std::unique_ptr<Kernel> kernel;
  std::int32_t microbatch = -1;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;

  void run(StepContext context) const {
    context.microbatch = microbatch;
    kernel->run(inputs, outputs, context);
  }
};

// By instruction: what is run in its stead.
struct FusedProgram {
  std::vector<std::unique_ptr<FusedSteps>> begins_at;  // null: nothing, or …
  std::vector<bool> is_done_before;                    // … a fusion that began earlier has done it
};

// Chains of elementwise steps (fused_chains.hpp) and whatever else the backend finds.
[[nodiscard]] FusedProgram fuse_steps(Backend& backend, const std::vector<FusionStep>& steps);

}  // namespace mp::runtime
