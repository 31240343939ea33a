#include "runtime/cuda/cuda_device.hpp"

#include <fmt/format.h>

#include <utility>

#include "lib/base/error.hpp"
#include "runtime/cudnn/attention.hpp"
#include "runtime/cudnn/convolution.hpp"
#include "runtime/gpu/kernels/bias.hpp"

namespace mp::cuda {

using runtime::StepContext;
using runtime::gpu::Fault;

namespace {

// The device must be the thread's before the members make their handles.
const DeviceOptions& chosen(const DeviceOptions& options) {
  MP_CUDA(cudaSetDevice(options.device));
  return options;
}

// The part of one kernel in an attention that several have.
class SharedAttention final : public runtime::gpu::FusedAttention {
 public:
  explicit SharedAttention(std::shared_ptr<runtime::gpu::FusedAttention> shared) : shared_(std::move(shared)) {}
  void run(const runtime::gpu::AttentionOperands& operands) override { shared_->run(operands); }

 private:
  std::shared_ptr<runtime::gpu::FusedAttention> shared_;
};

}  // namespace

CudaDevice::CudaDevice(const DeviceOptions& options)
    : options_(chosen(options)),
      stream_(),
      host_copies_(stream_.get()),
      reached_{options.device},
      blas_(stream_.get(), {.allow_tf32 = options.allow_tf32, .tunes = options.tunes_products}) {}

// The libraries' handles belong to the device that was current when they were made, and are destroyed behind this.
CudaDevice::~CudaDevice() {
  static_cast<void>(cudaSetDevice(options_.device));
  static_cast<void>(cudaStreamSynchronize(stream_.get()));
}

runtime::DeviceMemory CudaDevice::allocate_scratch(std::int64_t size_bytes) {
  return allocate(size_bytes, stream_.get());
}

void CudaDevice::reserve_shared(std::int64_t size_bytes) {
  if (size_bytes <= shared_bytes_) return;
  synchronize();  // nothing may still use the old one
  shared_.reset();
  shared_ = allocate(size_bytes, stream_.get());
  shared_bytes_ = size_bytes;
}

void CudaDevice::upload(void* to, const void* from, std::int64_t size_bytes) {
  host_copies_.to_device(to, from, size_bytes);
  synchronize();
}

void CudaDevice::clear(void* memory, std::int64_t size_bytes) {
  if (size_bytes == 0) return;
  MP_CUDA(cudaMemsetAsync(memory, 0, static_cast<std::size_t>(size_bytes), stream_.get()));
}

void CudaDevice::move(void* to, const void* from, std::int64_t size_bytes) {
  if (size_bytes == 0) return;
  MP_CUDA(cudaMemcpyAsync(to, from, static_cast<std::size_t>(size_bytes), cudaMemcpyDefault, stream_.get()));
}

void CudaDevice::reach(int other) {
  if (!reached_.insert(other).second) return;
  int can = 0;
  MP_CUDA(cudaDeviceCanAccessPeer(&can, options_.device, other));
  if (can == 0) return;
  const cudaError_t error = cudaDeviceEnablePeerAccess(other, 0);
  if (error != cudaErrorPeerAccessAlreadyEnabled) MP_CUDA(error);
  static_cast<void>(cudaGetLastError());  // by another plan device on this GPU
}

void CudaDevice::multiply(const runtime::gpu::MatrixProduct& product) {
  blas_.multiply(product);
  if (!product.bias || blas_.takes_bias(product)) return;
  for (std::int64_t item = 0; item < product.batch; ++item) {
    // Products that have a bias lie side by side: the batch is further rows.
    const std::int64_t offset = item * product.stride_c * (product.c.is_bfloat16 ? 2 : 4);
    const runtime::gpu::Reals c{static_cast<std::byte*>(product.c.data) + offset, product.c.is_bfloat16};
    for_items(queue(), product.m * product.n, runtime::gpu::BiasItem{product.n, 1, product.bias, c});
  }
}

std::unique_ptr<runtime::gpu::Convolution> CudaDevice::make_convolution(const runtime::gpu::ConvolutionShape& shape,
                                                                        runtime::gpu::ConvolutionPass pass,
                                                                        bool is_bfloat16) {
  std::string reason = "this build is without cuDNN";
  std::unique_ptr<runtime::gpu::Convolution> convolution;
  if (has_cudnn()) {
    convolution = runtime::make_cudnn_convolution(
        cudnn_, {.shape = shape, .pass = pass, .is_bfloat16 = is_bfloat16, .allow_tf32 = options_.allow_tf32}, *this,
        reason);
  }
  if (!convolution) {
    remark(fmt::format("a convolution between {} and {} channels runs by plain kernels, which are slow: {}",
                       shape.source_channels, shape.destination_channels, reason));
  }
  return convolution;
}

std::unique_ptr<runtime::gpu::FusedAttention> CudaDevice::make_attention(
    const runtime::gpu::AttentionProblem& problem) {
  using runtime::gpu::AttentionChoice;
  if (options_.attention == AttentionChoice::kBlocks) return nullptr;
  runtime::gpu::AttentionProblem wanted = problem;
  wanted.is_deterministic = options_.attention == AttentionChoice::kFused;
  std::string reason;
  if (FusedAttentionPointer planned = plan_attention(wanted, reason)) {
    return std::make_unique<SharedAttention>(std::move(planned));
  }
  remark(fmt::format("{} of {} heads of {} over {} keys runs by blocks of queries, not fused: {}",
                     problem.is_backward ? "the gradient of attention" : "attention", problem.query_heads,
                     problem.depth, problem.keys, reason));
  return nullptr;
}

CudaDevice::FusedAttentionPointer CudaDevice::plan_attention(const runtime::gpu::AttentionProblem& problem,
                                                             std::string& reason) {
  const auto& p = problem;
  const AttentionKey key{p.batch,       p.queries, p.keys,      p.query_heads, p.key_heads,       p.depth,
                         p.value_depth, p.scale,   p.is_causal, p.is_backward, p.is_deterministic};
  const auto [place, is_new] = attentions_.try_emplace(key);
  auto& [planned, why_not] = place->second;
  if (is_new) {
    why_not = "this build is without cuDNN";
    if (has_cudnn()) planned = runtime::make_cudnn_attention(cudnn_, problem, *this, why_not);
  }
  reason = why_not;
  return planned;
}

bool CudaDevice::has_cudnn() {
  if (!cudnn_) cudnn_ = runtime::make_cudnn_handle(stream_.get());
  return cudnn_ != nullptr;
}

void CudaDevice::remark(const std::string& text) {
  if (options_.remark && remarks_.insert(text).second) options_.remark(text);
}

Fault* CudaDevice::add_fault(Describe describe) {
  const std::size_t place = descriptions_.size() % kFaultsInBlock;
  if (place == 0) fault_blocks_.push_back(allocate_pinned(kFaultsInBlock * sizeof(Fault)));
  descriptions_.push_back(std::move(describe));
  return reinterpret_cast<Fault*>(fault_blocks_.back().get()) + place;
}

const void* CudaDevice::step_value(std::size_t position, const StepContext& context) {
  refresh(context);
  return values_.get() + position;
}

void CudaDevice::refresh(const StepContext& context) {
  const StepNumbers wanted{context.seed, context.step, context.learning_rate};
  const std::size_t size = step_values().size_bytes();
  if ((values_of_ == wanted && values_bytes_ == size) || size == 0) return;
  if (values_bytes_ < size) {  // at the first step: afterwards all kernels are made
    synchronize();
    host_values_ = allocate_pinned(static_cast<std::int64_t>(size));
    values_ = allocate(static_cast<std::int64_t>(size), stream_.get());
    values_bytes_ = size;
  } else {
    MP_CUDA(cudaEventSynchronize(values_copied_.get()));
  }
  step_values().fill(context, host_values_.get());
  move(values_.get(), host_values_.get(), static_cast<std::int64_t>(size));
  MP_CUDA(cudaEventRecord(values_copied_.get(), stream_.get()));
  values_of_ = wanted;
}

void CudaDevice::synchronize() {
  host_copies_.finish();
  for (std::size_t i = 0; i < descriptions_.size(); ++i) {
    auto* fault = reinterpret_cast<Fault*>(fault_blocks_[i / kFaultsInBlock].get()) + i % kFaultsInBlock;
    if (std::exchange(fault->is_set, 0) != 0) throw RunError(descriptions_[i](*fault));
  }
}

}  // namespace mp::cuda
