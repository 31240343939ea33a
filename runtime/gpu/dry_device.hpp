// A device that has no memory and does nothing, but notes what it is asked for.
#pragma once

#include <memory>
#include <vector>

#include "runtime/gpu/device.hpp"
#include "runtime/gpu/dry_run.hpp"
#include "runtime/gpu/launch_log.hpp"

namespace mp::runtime::gpu {

class DryDevice final : public Device {
 public:
  explicit DryDevice(const DryRunOptions& options) : options_(options) {}
  [[nodiscard]] LaunchLog& log() { return log_; }

  [[nodiscard]] Queue queue() const override { return {.stream = nullptr, .on_host = false, .log = &log_}; }
  // Addresses that nothing is at: aligned as real ones, never the same twice.
  [[nodiscard]] DeviceMemory allocate_scratch(std::int64_t size_bytes) override;
  void reserve_shared(std::int64_t size_bytes) override;
  [[nodiscard]] std::byte* shared() override { return shared_.get(); }
  void upload(void* /*to*/, const void* /*from*/, std::int64_t /*size_bytes*/) override {}
  void clear(void* memory, std::int64_t size_bytes) override;
  void move(void* to, const void* from, std::int64_t size_bytes) override;
  void multiply(const MatrixProduct& product) override;
  [[nodiscard]] bool multiply_fused(const MatrixProduct& product) override;
  [[nodiscard]] std::unique_ptr<Convolution> make_convolution(const ConvolutionShape& shape, ConvolutionPass pass,
                                                              bool is_bfloat16) override;
  [[nodiscard]] std::unique_ptr<FusedAttention> make_attention(const AttentionProblem& problem) override;
  [[nodiscard]] Fault* add_fault(Describe describe) override;
  [[nodiscard]] const void* step_value(std::size_t position, const StepContext& context) override;

 private:
  DryRunOptions options_;
  mutable LaunchLog log_;
  std::uintptr_t next_address_ = std::uintptr_t{1} << 40U;
  std::int64_t shared_bytes_ = 0;
  DeviceMemory shared_;
  Fault fault_;  // of all: none is ever raised
  std::vector<std::byte> step_bytes_;
};

}  // namespace mp::runtime::gpu
