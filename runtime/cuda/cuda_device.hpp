// One GPU as the kernels' factories see it: a stream, its libraries, scratch, and what a step changes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/cuda/blas.hpp"
#include "runtime/cuda/handles.hpp"
#include "runtime/cuda/host_copies.hpp"
#include "runtime/gpu/device.hpp"

namespace mp::cuda {

struct DeviceOptions {
  int device = 0;  // the driver's number
  bool allow_tf32 = false;
  bool tunes_products = false;  // takes the fastest of cuBLASLt's algorithms, not the first
  runtime::gpu::AttentionChoice attention = runtime::gpu::AttentionChoice::kFused;
  std::function<void(const std::string&)> remark = {};  // hears of what is done otherwise than asked; may be empty
};

class CudaDevice final : public runtime::gpu::Device {
 public:
  explicit CudaDevice(const DeviceOptions& options);
  ~CudaDevice() override;

  [[nodiscard]] runtime::gpu::Queue queue() const override { return {.stream = stream_.get(), .on_host = false}; }
  [[nodiscard]] runtime::DeviceMemory allocate_scratch(std::int64_t size_bytes) override;
  void reserve_shared(std::int64_t size_bytes) override;
  [[nodiscard]] std::byte* shared() override { return shared_.get(); }
  void upload(void* to, const void* from, std::int64_t size_bytes) override;
  void clear(void* memory, std::int64_t size_bytes) override;
  void move(void* to, const void* from, std::int64_t size_bytes) override;
  void multiply(const runtime::gpu::MatrixProduct& product) override;
  [[nodiscard]] bool multiply_fused(const runtime::gpu::MatrixProduct& product) override {
    return blas_.multiply_fused(product);
  }
  [[nodiscard]] std::unique_ptr<runtime::gpu::Convolution> make_convolution(const runtime::gpu::ConvolutionShape& shape,
                                                                            runtime::gpu::ConvolutionPass pass,
                                                                            bool is_bfloat16) override;
  [[nodiscard]] std::unique_ptr<runtime::gpu::FusedAttention> make_attention(
      const runtime::gpu::AttentionProblem& problem) override;
  [[nodiscard]] runtime::gpu::Fault* add_fault(Describe describe) override;
  [[nodiscard]] const void* step_value(std::size_t position, const runtime::StepContext& context) override;

  void make_current() const { MP_CUDA(cudaSetDevice(options_.device)); }
  // From now on copies from the other device go straight, where the two can reach each other; else through the host.
  void reach(int other);
  // Makes the step's values those of `context`, in the stream's order.
  void refresh(const runtime::StepContext& context);
  // Waits for the stream, hands over what was copied to the host, throws what a kernel has reported.
  void synchronize();
  [[nodiscard]] HostCopies& host_copies() { return host_copies_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
  // Of all kernels together, apart from what each has of its own.
  [[nodiscard]] std::int64_t shared_bytes() const { return shared_bytes_ + blas_.workspace_bytes(); }

 private:
  struct StepNumbers {
    std::uint64_t seed;
    std::int64_t step;
    double learning_rate;
    friend bool operator==(const StepNumbers&, const StepNumbers&) = default;
  };

  using FusedAttentionPointer = std::shared_ptr<runtime::gpu::FusedAttention>;
  // Batch, queries, keys, heads of queries and of keys, both depths, scale; causal, backwards, the same bits each time.
  using AttentionKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                  std::int64_t, float, bool, bool, bool>;

  [[nodiscard]] FusedAttentionPointer plan_attention(const runtime::gpu::AttentionProblem& problem,
                                                     std::string& reason);
  [[nodiscard]] bool has_cudnn();
  void remark(const std::string& text);  // once

  DeviceOptions options_;
  std::set<std::string> remarks_;
  Stream stream_;
  HostCopies host_copies_;
  std::set<int> reached_;  // devices, this one among them
  Blas blas_;
  std::int64_t shared_bytes_ = 0;
  runtime::DeviceMemory shared_;

  static constexpr std::size_t kFaultsInBlock = 256;
  std::vector<std::shared_ptr<std::byte>> fault_blocks_;  // pinned, kFaultsInBlock to each
  std::vector<Describe> descriptions_;

  std::size_t values_bytes_ = 0;
  std::shared_ptr<std::byte> host_values_;  // pinned
  runtime::DeviceMemory values_;
  Event values_copied_;
  std::optional<StepNumbers> values_of_;
  std::shared_ptr<void> cudnn_;  // its handle, once a convolution needs it
  // A plan is compiled: layers that are alike share one. Null: there is none.
  std::map<AttentionKey, std::pair<FusedAttentionPointer, std::string>> attentions_;
};

}  // namespace mp::cuda
