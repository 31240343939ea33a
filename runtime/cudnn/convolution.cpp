#include "runtime/cudnn/convolution.hpp"

#include <cudnn.h>

#include <array>
#include <string>
#include <utility>

#include "lib/base/check.hpp"
#include "runtime/cudnn/check.hpp"

namespace mp::runtime {
namespace {

using gpu::ConvolutionOperands;
using gpu::ConvolutionPass;
using gpu::ConvolutionShape;

constexpr std::size_t kMostWorkspaceBytes = std::size_t{512} << 20;

// A descriptor and the calls that make and end it.
template <class Descriptor, cudnnStatus_t (*kCreate)(Descriptor*), cudnnStatus_t (*kDestroy)(Descriptor)>
class Owned {
 public:
  Owned() { MP_CUDNN(kCreate(&descriptor_)); }
  ~Owned() { static_cast<void>(kDestroy(descriptor_)); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  [[nodiscard]] Descriptor get() const { return descriptor_; }

 private:
  Descriptor descriptor_{};
};
using TensorDescriptor = Owned<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using FilterDescriptor = Owned<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor =
    Owned<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;

int narrow(std::int64_t value) { return static_cast<int>(value); }

struct Descriptors {
  TensorDescriptor source;
  TensorDescriptor destination;
  FilterDescriptor weights;
  ConvolutionDescriptor convolution;

  explicit Descriptors(const CudnnProblem& p) {
    const ConvolutionShape& s = p.shape;
    const cudnnDataType_t type = p.is_bfloat16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    MP_CUDNN(cudnnSetTensor4dDescriptor(source.get(), CUDNN_TENSOR_NCHW, type, narrow(s.batch),
                                        narrow(s.source_channels), narrow(s.source[0]), narrow(s.source[1])));
    MP_CUDNN(cudnnSetTensor4dDescriptor(destination.get(), CUDNN_TENSOR_NCHW, type, narrow(s.batch),
                                        narrow(s.destination_channels), narrow(s.destination[0]),
                                        narrow(s.destination[1])));
    MP_CUDNN(cudnnSetFilter4dDescriptor(weights.get(), type, CUDNN_TENSOR_NCHW, narrow(s.destination_channels),
                                        narrow(s.source_channels / s.groups), narrow(s.kernel[0]),
                                        narrow(s.kernel[1])));
    MP_CUDNN(cudnnSetConvolution2dDescriptor(convolution.get(), narrow(s.pads_begin[0]), narrow(s.pads_begin[1]),
                                             narrow(s.strides[0]), narrow(s.strides[1]), narrow(s.dilations[0]),
                                             narrow(s.dilations[1]), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    MP_CUDNN(cudnnSetConvolutionGroupCount(convolution.get(), narrow(s.groups)));
    MP_CUDNN(cudnnSetConvolutionMathType(convolution.get(), math_of(p)));
  }
  // The default lets float32 be rounded to TF32.
  static cudnnMathType_t math_of(const CudnnProblem& p) {
    if (p.is_bfloat16) return CUDNN_TENSOR_OP_MATH;
    return p.allow_tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
  }
};

// Why cuDNN cannot be asked; empty: it can. It pads both ends alike, and its output must be ours.
std::string obstacle(const ConvolutionShape& s) {
  for (const int axis : {0, 1}) {
    if (s.pads_begin[axis] != s.pads_end[axis]) return "cuDNN pads both ends of an axis alike";
    const std::int64_t reach = s.dilations[axis] * (s.kernel[axis] - 1) + 1;
    const std::int64_t room = s.source[axis] + 2 * s.pads_begin[axis] - reach;
    if (room < 0 || room / s.strides[axis] + 1 != s.destination[axis]) return "cuDNN's output would be of another size";
  }
  constexpr std::int64_t kMostElements = (std::int64_t{1} << 31) - 1;
  const std::int64_t source = s.batch * s.source_channels * s.source[0] * s.source[1];
  const std::int64_t destination = s.batch * s.destination_channels * s.destination[0] * s.destination[1];
  if (source > kMostElements || destination > kMostElements) return "a tensor has 2^31 elements or more";
  return source == 0 || destination == 0 ? "a tensor has no elements" : "";
}

// The first that is deterministic and content with the workspace. `Performance` is cuDNN's for the pass.
template <class Performance>
const Performance* choose(const std::array<Performance, 8>& found, int count) {
  for (int i = 0; i < count; ++i) {
    const Performance& p = found[static_cast<std::size_t>(i)];
    if (p.status == CUDNN_STATUS_SUCCESS && p.determinism == CUDNN_DETERMINISTIC && p.memory <= kMostWorkspaceBytes) {
      return &p;
    }
  }
  return nullptr;
}

constexpr float kOne = 1.0F;
constexpr float kZero = 0.0F;

class CudnnConvolution final : public gpu::Convolution {
 public:
  CudnnConvolution(std::shared_ptr<void> handle, const CudnnProblem& problem, gpu::Device& device)
      : handle_(std::move(handle)), problem_(problem), device_(device), d_(problem) {}

  // False where cuDNN has none.
  bool find_algorithm() {
    switch (problem_.pass) {
      case ConvolutionPass::kForward:
        return find(forward_, [this](int wanted, int* count, auto* first) {
          return cudnnGetConvolutionForwardAlgorithm_v7(cudnn(), d_.source.get(), d_.weights.get(),
                                                        d_.convolution.get(), d_.destination.get(), wanted, count,
                                                        first);
        });
      case ConvolutionPass::kSourceGradient:
        return find(source_gradient_, [this](int wanted, int* count, auto* first) {
          return cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnn(), d_.weights.get(), d_.destination.get(),
                                                             d_.convolution.get(), d_.source.get(), wanted, count,
                                                             first);
        });
      case ConvolutionPass::kWeightGradient:
        return find(weight_gradient_, [this](int wanted, int* count, auto* first) {
          return cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnn(), d_.source.get(), d_.destination.get(),
                                                               d_.convolution.get(), d_.weights.get(), wanted, count,
                                                               first);
        });
    }
    return false;
  }

  [[nodiscard]] std::int64_t shared_bytes() const override { return static_cast<std::int64_t>(workspace_size_); }

  void run(const ConvolutionOperands& o) override {
    for (const gpu::Reals& operand : {o.source, o.weights, o.destination}) {
      MP_CHECK(operand.is_bfloat16 == problem_.is_bfloat16);  // one type for all
    }
    switch (problem_.pass) {
      case ConvolutionPass::kForward:
        MP_CUDNN(cudnnConvolutionForward(cudnn(), &kOne, d_.source.get(), o.source.data, d_.weights.get(),
                                         o.weights.data, d_.convolution.get(), forward_.algo, device_.shared(),
                                         workspace_size_, &kZero, d_.destination.get(), o.destination.data));
        return;
      case ConvolutionPass::kSourceGradient:
        MP_CUDNN(cudnnConvolutionBackwardData(cudnn(), &kOne, d_.weights.get(), o.weights.data, d_.destination.get(),
                                              o.destination.data, d_.convolution.get(), source_gradient_.algo,
                                              device_.shared(), workspace_size_, &kZero, d_.source.get(),
                                              o.source.data));
        return;
      case ConvolutionPass::kWeightGradient:
        MP_CUDNN(cudnnConvolutionBackwardFilter(cudnn(), &kOne, d_.source.get(), o.source.data, d_.destination.get(),
                                                o.destination.data, d_.convolution.get(), weight_gradient_.algo,
                                                device_.shared(), workspace_size_, &kZero, d_.weights.get(),
                                                o.weights.data));
        return;
    }
  }

 private:
  [[nodiscard]] cudnnHandle_t cudnn() const { return static_cast<cudnnHandle_t>(handle_.get()); }

  template <class Performance, class Query>
  bool find(Performance& chosen, const Query& query) {
    std::array<Performance, 8> found{};
    int count = 0;
    if (query(static_cast<int>(found.size()), &count, found.data()) != CUDNN_STATUS_SUCCESS) return false;
    const Performance* best = choose(found, count);
    if (best == nullptr) return false;
    chosen = *best;
    workspace_size_ = best->memory;
    device_.reserve_shared(shared_bytes());
    math_of(*best);
    return true;
  }
  // The algorithm may ask for another kind of arithmetic than the descriptor has.
  template <class Performance>
  void math_of(const Performance& best) {
    const bool may_use_tensor_cores = problem_.is_bfloat16 || problem_.allow_tf32;
    if (may_use_tensor_cores) MP_CUDNN(cudnnSetConvolutionMathType(d_.convolution.get(), best.mathType));
  }

  std::shared_ptr<void> handle_;
  CudnnProblem problem_;
  gpu::Device& device_;
  Descriptors d_;
  cudnnConvolutionFwdAlgoPerf_t forward_{};
  cudnnConvolutionBwdDataAlgoPerf_t source_gradient_{};
  cudnnConvolutionBwdFilterAlgoPerf_t weight_gradient_{};
  std::size_t workspace_size_ = 0;
};

}  // namespace

std::shared_ptr<void> make_cudnn_handle(void* stream) {
  cudnnHandle_t handle = nullptr;
  MP_CUDNN(cudnnCreate(&handle));
  std::shared_ptr<void> owner(handle, [](void* h) { static_cast<void>(cudnnDestroy(static_cast<cudnnHandle_t>(h))); });
  MP_CUDNN(cudnnSetStream(handle, static_cast<cudaStream_t>(stream)));
  return owner;
}

std::unique_ptr<gpu::Convolution> make_cudnn_convolution(const std::shared_ptr<void>& handle,
                                                         const CudnnProblem& problem, gpu::Device& device,
                                                         std::string& reason) {
  if (reason = obstacle(problem.shape); !reason.empty()) return nullptr;
  auto convolution = std::make_unique<CudnnConvolution>(handle, problem, device);
  if (convolution->find_algorithm()) return convolution;
  reason = "cuDNN has no algorithm that adds in a fixed order, in 512 MiB of scratch";
  return nullptr;
}

}  // namespace mp::runtime
