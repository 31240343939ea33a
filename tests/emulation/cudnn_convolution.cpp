// cuDNN's convolutions, as far as runtime/cudnn calls them: what algorithms it offers, and what they do. Among the
// offers are those that a caller has to pass over: one that takes 1 GiB of scratch, ones that add in any order.
#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "tests/emulation/cudnn_shapes.hpp"
#include "tests/emulation/product.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

namespace {

enum class Pass : std::uint8_t { kForward, kToSource, kToWeights };

struct Offer {
  int algorithm;
  cudnnStatus_t status;
  std::size_t memory;
  cudnnDeterminism_t determinism;
};

constexpr std::size_t kGibibyte = std::size_t{1} << 30;
constexpr auto kGood = CUDNN_STATUS_SUCCESS;
constexpr auto kNone = CUDNN_STATUS_NOT_SUPPORTED;

// Fastest first.
std::span<const Offer> offers_of(Pass pass) {
  static constexpr std::array<Offer, 4> kForward{
      {{CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, kGood, kGibibyte, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, kGood, 8192, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, kGood, 0, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, kNone, 0, CUDNN_DETERMINISTIC}}};
  static constexpr std::array<Offer, 4> kToSource{
      {{CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, kGood, 0, CUDNN_NON_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, kNone, 0, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING, kGood, kGibibyte, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, kGood, 12288, CUDNN_DETERMINISTIC}}};
  static constexpr std::array<Offer, 4> kToWeights{
      {{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, kGood, 0, CUDNN_NON_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, kGood, 256, CUDNN_NON_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, kGood, 16384, CUDNN_DETERMINISTIC},
       {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, kNone, 0, CUDNN_DETERMINISTIC}}};
  if (pass == Pass::kForward) return kForward;
  return pass == Pass::kToSource ? std::span<const Offer>(kToSource) : std::span<const Offer>(kToWeights);
}

// Float32 is multiplied as it is only with FMA; with another kind of math tensor cores round it.
cudnnMathType_t math_of(const Convolution& c) {
  return c.math == CUDNN_FMA_MATH ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH;
}

template <class Performance>
cudnnStatus_t offer(Pass pass, const Convolution& convolution, int wanted, int* count, Performance* results) {
  if (count == nullptr || results == nullptr || wanted < 1) return refuse(CUDNN_STATUS_BAD_PARAM, "no place for any");
  *count = 0;
  for (const Offer& o : offers_of(pass)) {
    if (*count == wanted) break;
    results[(*count)++] = {.algo = static_cast<decltype(Performance::algo)>(o.algorithm),
                           .status = o.status,
                           .time = -1.0F,
                           .memory = o.memory,
                           .determinism = o.determinism,
                           .mathType = math_of(convolution),
                           .reserved = {}};
  }
  return CUDNN_STATUS_SUCCESS;
}

struct Call {
  Pass pass;
  Convolution convolution;
  int algorithm;
  float alpha;
  float beta;
  void* source;
  void* weights;
  void* destination;

  [[nodiscard]] std::pair<void*, std::int64_t> result() const {
    const Convolution2d& shape = convolution.shape;
    if (pass == Pass::kForward) return {destination, shape.destination_elements()};
    if (pass == Pass::kToSource) return {source, shape.source_elements()};
    return {weights, shape.weight_elements()};
  }
};

void compute(const Call& call, bool is_deterministic) {
  const Convolution& c = call.convolution;
  ConvolutionValues values;
  const auto read = [&](const void* from, std::int64_t count, Pass result_of) {
    if (call.pass == result_of) return std::vector<float>(static_cast<std::size_t>(count));
    std::vector<float> operand = load(from, c.type, count);
    if (c.type == CUDNN_DATA_FLOAT && math_of(c) != CUDNN_FMA_MATH) {
      std::transform(operand.begin(), operand.end(), operand.begin(), to_tf32);
    }
    return operand;
  };
  values.source = read(call.source, c.shape.source_elements(), Pass::kToSource);
  values.weights = read(call.weights, c.shape.weight_elements(), Pass::kToWeights);
  values.destination = read(call.destination, c.shape.destination_elements(), Pass::kForward);
  if (call.pass == Pass::kForward) convolve(c.shape, values);
  if (call.pass == Pass::kToSource) convolve_to_source(c.shape, values);
  if (call.pass == Pass::kToWeights) convolve_to_weights(c.shape, values);
  const std::vector<float>& sums = call.pass == Pass::kForward    ? values.destination
                                   : call.pass == Pass::kToSource ? values.source
                                                                  : values.weights;
  const auto [to, count] = call.result();
  const std::vector<float> before =
      call.beta == 0.0F ? std::vector<float>(sums.size()) : load(to, c.type, count);  // with 0, it may hold anything
  const float scale = call.alpha * (is_deterministic ? 1.0F : any_order());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(i);
    store(to, c.type, i, scale * sums[place] + call.beta * before[place]);
  }
}

cudnnStatus_t run(cudnnHandle_t handle, const Call& call, void* workspace, std::size_t workspace_size) {
  if (handle == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no handle");
  const std::span<const Offer> offers = offers_of(call.pass);
  const auto offer =
      std::find_if(offers.begin(), offers.end(), [&](const Offer& o) { return o.algorithm == call.algorithm; });
  if (offer == offers.end() || offer->status != kGood) return refuse(kNone, "no such algorithm for this convolution");
  const Convolution2d& shape = call.convolution.shape;
  const std::size_t size = size_of(call.convolution.type);
  const auto bytes = [size](std::int64_t elements) { return static_cast<std::size_t>(elements) * size; };
  for (const cudnnStatus_t status :
       {check_memory(*handle, call.source, bytes(shape.source_elements()), size, "the source"),
        check_memory(*handle, call.weights, bytes(shape.weight_elements()), size, "the filter"),
        check_memory(*handle, call.destination, bytes(shape.destination_elements()), size, "the destination"),
        check_workspace(*handle, workspace, workspace_size, offer->memory)}) {
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  const bool is_deterministic = offer->determinism == CUDNN_DETERMINISTIC;
  return put_in_cudnn(*handle, workspace, offer->memory, [call, is_deterministic] {
    add_to(mutable_counts().convolutions, 1);
    compute(call, is_deterministic);
  });
}

float number(const void* scale) { return *static_cast<const float*>(scale); }
void* changeable(const void* data) { return const_cast<void*>(data); }

}  // namespace

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t /*handle*/, const cudnnTensorDescriptor_t source,
                                                     const cudnnFilterDescriptor_t weights,
                                                     const cudnnConvolutionDescriptor_t convolution,
                                                     const cudnnTensorDescriptor_t destination, const int wanted,
                                                     int* count, cudnnConvolutionFwdAlgoPerf_t* results) {
  Convolution c;
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, c);
  return status == CUDNN_STATUS_SUCCESS ? offer(Pass::kForward, c, wanted, count, results) : status;
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t /*handle*/,
                                                          const cudnnFilterDescriptor_t weights,
                                                          const cudnnTensorDescriptor_t destination,
                                                          const cudnnConvolutionDescriptor_t convolution,
                                                          const cudnnTensorDescriptor_t source, const int wanted,
                                                          int* count, cudnnConvolutionBwdDataAlgoPerf_t* results) {
  Convolution c;
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, c);
  return status == CUDNN_STATUS_SUCCESS ? offer(Pass::kToSource, c, wanted, count, results) : status;
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t /*handle*/,
                                                            const cudnnTensorDescriptor_t source,
                                                            const cudnnTensorDescriptor_t destination,
                                                            const cudnnConvolutionDescriptor_t convolution,
                                                            const cudnnFilterDescriptor_t weights, const int wanted,
                                                            int* count, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  Convolution c;
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, c);
  return status == CUDNN_STATUS_SUCCESS ? offer(Pass::kToWeights, c, wanted, count, results) : status;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t source,
                                      const void* source_data, const cudnnFilterDescriptor_t weights,
                                      const void* weights_data, const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t workspace_size,
                                      const void* beta, const cudnnTensorDescriptor_t destination,
                                      void* destination_data) {
  Call call{.pass = Pass::kForward,
            .convolution = {},
            .algorithm = algorithm,
            .alpha = number(alpha),
            .beta = number(beta),
            .source = changeable(source_data),
            .weights = changeable(weights_data),
            .destination = destination_data};
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, call.convolution);
  return status == CUDNN_STATUS_SUCCESS ? run(handle, call, workspace, workspace_size) : status;
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           const cudnnFilterDescriptor_t weights, const void* weights_data,
                                           const cudnnTensorDescriptor_t destination, const void* destination_data,
                                           const cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t workspace_size, const void* beta,
                                           const cudnnTensorDescriptor_t source, void* source_data) {
  Call call{.pass = Pass::kToSource,
            .convolution = {},
            .algorithm = algorithm,
            .alpha = number(alpha),
            .beta = number(beta),
            .source = source_data,
            .weights = changeable(weights_data),
            .destination = changeable(destination_data)};
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, call.convolution);
  return status == CUDNN_STATUS_SUCCESS ? run(handle, call, workspace, workspace_size) : status;
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             const cudnnTensorDescriptor_t source, const void* source_data,
                                             const cudnnTensorDescriptor_t destination, const void* destination_data,
                                             const cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t workspace_size, const void* beta,
                                             const cudnnFilterDescriptor_t weights, void* weights_data) {
  Call call{.pass = Pass::kToWeights,
            .convolution = {},
            .algorithm = algorithm,
            .alpha = number(alpha),
            .beta = number(beta),
            .source = changeable(source_data),
            .weights = weights_data,
            .destination = changeable(destination_data)};
  const cudnnStatus_t status = read_convolution(source, weights, convolution, destination, call.convolution);
  return status == CUDNN_STATUS_SUCCESS ? run(handle, call, workspace, workspace_size) : status;
}
