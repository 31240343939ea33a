#include "runtime/gpu/host_backend.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/fusion.hpp"
#include "runtime/gpu/host_attention.hpp"
#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/registry.hpp"
#include "runtime/padded_rows.hpp"

namespace mp::runtime {
namespace gpu {
namespace {

DeviceMemory zeros(std::int64_t size_bytes) {
  const auto words = static_cast<std::size_t>(std::max<std::int64_t>(size_bytes, 1) + 63) / 64 * 8;
  auto block = std::make_shared<std::vector<std::uint64_t>>(words + 8);
  const auto address = reinterpret_cast<std::uintptr_t>(block->data());
  return {block, reinterpret_cast<std::byte*>((address + 63) / 64 * 64)};
}

// One element of C before its epilogue, in float64.
float element_of(const MatrixProduct& p, std::int64_t item, std::int64_t row, std::int64_t column) {
  double total = 0.0;
  for (std::int64_t i = 0; i < p.k; ++i) {
    const std::int64_t a = item * p.stride_a + (p.transpose_a ? i * p.lda + row : row * p.lda + i);
    const std::int64_t b = item * p.stride_b + (p.transpose_b ? column * p.ldb + i : i * p.ldb + column);
    total += static_cast<double>(p.a[a]) * static_cast<double>(p.b[b]);
  }
  total *= static_cast<double>(p.alpha);
  if (p.beta != 0.0F) {
    total += static_cast<double>(p.beta) * static_cast<double>(p.c[item * p.stride_c + row * p.ldc + column]);
  }
  if (p.bias) total += static_cast<double>(p.bias[column]);
  if (p.added) total += static_cast<double>(p.added[item * p.stride_c + row * p.ldc + column]);
  return static_cast<float>(total);
}

// What becomes of an element of C that lies at `at`.
float finished(const MatrixProduct& p, std::int64_t at, float value) {
  switch (p.epilogue) {
    case Epilogue::kGelu:
      if (p.kept) p.kept.set(at, value);
      return unary_value(Activation::kGeluTanh, 0.0F, value);
    case Epilogue::kGeluGradient:
      return unary_gradient(Activation::kGeluTanh, 0.0F, value, p.kept[at]);
    case Epilogue::kNone:
    case Epilogue::kColumnSums:
    case Epilogue::kRowSums:
      break;
  }
  return value;
}

void add_up_operand(const MatrixProduct& p) {
  const bool is_b = p.epilogue == Epilogue::kColumnSums;
  const ConstReals x = is_b ? p.b : p.a;
  const std::int64_t step = is_b ? (p.transpose_b ? 1 : p.ldb) : (p.transpose_a ? p.lda : 1);
  const std::int64_t stride = is_b ? (p.transpose_b ? p.ldb : 1) : (p.transpose_a ? 1 : p.lda);
  for (std::int64_t i = 0; i < (is_b ? p.n : p.m); ++i) {
    double total = 0.0;
    for (std::int64_t j = 0; j < p.k; ++j) total += static_cast<double>(x[i * stride + j * step]);
    p.sums.set(i, static_cast<float>(total));
  }
}

class HostDevice final : public Device {
 public:
  explicit HostDevice(const GpuHostOptions& options) : options_(options) {}
  [[nodiscard]] Queue queue() const override { return {.stream = nullptr, .on_host = true}; }
  [[nodiscard]] DeviceMemory allocate_scratch(std::int64_t size_bytes) override { return zeros(size_bytes); }
  void reserve_shared(std::int64_t size_bytes) override {
    if (size_bytes <= shared_bytes_) return;
    shared_bytes_ = size_bytes;
    shared_ = zeros(size_bytes);
  }
  [[nodiscard]] std::byte* shared() override { return shared_.get(); }
  void upload(void* to, const void* from, std::int64_t size_bytes) override { move(to, from, size_bytes); }
  void clear(void* memory, std::int64_t size_bytes) override {
    if (size_bytes > 0) std::memset(memory, 0, static_cast<std::size_t>(size_bytes));
  }
  void move(void* to, const void* from, std::int64_t size_bytes) override {
    if (size_bytes > 0) std::memmove(to, from, static_cast<std::size_t>(size_bytes));
  }
  void multiply(const MatrixProduct& p) override {
    for (std::int64_t item = 0; item < p.batch; ++item) {
      for (std::int64_t row = 0; row < p.m; ++row) {
        for (std::int64_t column = 0; column < p.n; ++column) {
          const std::int64_t at = item * p.stride_c + row * p.ldc + column;
          p.c.set(at, finished(p, at, element_of(p, item, row, column)));
        }
      }
    }
  }
  [[nodiscard]] bool multiply_fused(const MatrixProduct& p) override {
    if (options_.refuses_epilogues) return false;
    multiply(p);
    if (p.sums) add_up_operand(p);
    return true;
  }
  [[nodiscard]] std::unique_ptr<Convolution> make_convolution(const ConvolutionShape& /*shape*/,
                                                              ConvolutionPass /*pass*/, bool /*is_bfloat16*/) override {
    return nullptr;
  }
  [[nodiscard]] std::unique_ptr<FusedAttention> make_attention(const AttentionProblem& problem) override {
    return options_.fuses_attention ? make_host_attention(problem) : nullptr;
  }
  [[nodiscard]] Fault* add_fault(Describe describe) override {
    faults_.push_back({{}, std::move(describe)});
    return &faults_.back().fault;
  }
  [[nodiscard]] const void* step_value(std::size_t position, const StepContext& context) override {
    step_bytes_.resize(step_values().size_bytes());
    step_values().fill(context, step_bytes_.data());
    return step_bytes_.data() + position;
  }

  void throw_faults() {
    for (Report& report : faults_) {
      if (std::exchange(report.fault.is_set, 0) != 0) throw RunError(report.describe(report.fault));
    }
  }

 private:
  struct Report {
    Fault fault;
    Describe describe;
  };
  GpuHostOptions options_;
  std::int64_t shared_bytes_ = 0;
  DeviceMemory shared_;
  std::list<Report> faults_;  // whose addresses stay
  std::vector<std::byte> step_bytes_;
};

// Faults are thrown when the kernel that raised them is done.
class CheckedKernel final : public Kernel {
 public:
  CheckedKernel(HostDevice& device, std::unique_ptr<Kernel> kernel) : device_(device), kernel_(std::move(kernel)) {}
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    kernel_->run(inputs, outputs, context);
    device_.throw_faults();
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return kernel_->workspace_bytes(); }
  [[nodiscard]] Kernel* unchecked() const { return kernel_.get(); }

 private:
  HostDevice& device_;
  std::unique_ptr<Kernel> kernel_;
};

class HostBackend final : public Backend, public PadsRows {
 public:
  explicit HostBackend(const GpuHostOptions& options) : options_(options), device_(options) {}
  [[nodiscard]] std::string_view name() const override { return "gpu kernels on the host"; }
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override { return zeros(size_bytes); }
  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    return std::make_unique<CheckedKernel>(device_, gpu::make_kernel(device_, graph, node));
  }
  [[nodiscard]] std::vector<Fusion> find_fusions(std::span<const FusionStep> steps) override {
    std::vector<FusionStep> unchecked(steps.begin(), steps.end());
    for (FusionStep& step : unchecked) {
      if (step.kernel != nullptr) step.kernel = dynamic_cast<CheckedKernel&>(*step.kernel).unchecked();
    }
    std::vector<Fusion> fusions =
        gpu::find_fusions(device_, unchecked,
                          {.epilogues = options_.epilogues,
                           .normalizations = options_.epilogues && options_.fuses_normalizations,
                           .losses = options_.epilogues,
                           .embeddings = options_.epilogues});
    for (Fusion& fusion : fusions) {
      fusion.kernel = std::make_unique<CheckedKernel>(device_, std::move(fusion.kernel));
    }
    return fusions;
  }
  void copy_from_host(void* device, const void* host, std::int64_t size_bytes) override {
    device_.move(device, host, size_bytes);
  }
  void copy_to_host(void* host, const void* device, std::int64_t size_bytes) override {
    device_.move(host, device, size_bytes);
  }
  void copy(void* to, const void* from, std::int64_t size_bytes) override { device_.move(to, from, size_bytes); }
  void accumulate(float* sum, const float* addend, std::int64_t elements) override {
    for_elements(device_.queue(), elements, AccumulateItem{{sum, false}, {addend, false}});
  }
  void synchronize() override {}

 private:
  GpuHostOptions options_;
  HostDevice device_;
};

}  // namespace
}  // namespace gpu

std::unique_ptr<Backend> make_gpu_host_backend() { return make_gpu_host_backend_with({}); }

std::unique_ptr<Backend> make_gpu_host_backend_with(const GpuHostOptions& options) {
  return std::make_unique<gpu::HostBackend>(options);
}

}  // namespace mp::runtime
