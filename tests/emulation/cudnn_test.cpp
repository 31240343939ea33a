// runtime/cudnn on the emulated cuDNN: trainings, what old versions do, and what cuDNN refuses (each status is the
// answer of cuDNN 9.19 itself to the same call, without a GPU).
#include <cudnn.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "lib/base/bfloat16.hpp"
#include "lib/base/random.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/cudnn/descriptor.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

namespace mp::emulation {
namespace {

using namespace mp::runtime;
using namespace mp::runtime::test;
using runtime::gpu::AttentionChoice;

// Device d of the plan is GPU d.
BackendFactory gpus(AttentionChoice attention = AttentionChoice::kFused, bool use_graphs = true) {
  return [=](DeviceId device) {
    return make_cuda_backend(
        {.device = static_cast<int>(index(device)), .use_graphs = use_graphs, .attention = attention});
  };
}

std::vector<double> bfloat16_losses(const TorchRun& run, std::uint64_t seed, const BackendFactory& backends,
                                    std::int32_t devices = 1) {
  return losses_of_torch_run(
      run, seed,
      {.placement = {.devices = devices}, .backends = backends, .steps = 3, .precision = Precision::kBfloat16});
}

}  // namespace

TEST_CASE("convolutions by cuDNN have PyTorch's losses, whenever GPUs do their work", "[emulation]") {
  const TorchRuns file = read_torch_runs();
  for (const Timing timing : {Timing::kLate, Timing::kRandom}) {
    const MachineForTest machine({.devices = 2, .timing = timing, .seed = 3});
    for (const TorchRun& run : file.runs) {
      if (run.model != "resnet" && run.model != "unet") continue;
      INFO(run.model);
      const Counts before = counts();
      require_torch_losses(run, file.seed,
                           {.placement = {.devices = 2}, .backends = gpus(), .steps = 4, .tolerance = 3e-4});
      CHECK(counts().convolutions > before.convolutions);
    }
  }
}

TEST_CASE("models with cuDNN's convolutions and attention have PyTorch's losses in bfloat16", "[emulation]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const MachineForTest machine({.devices = 2, .timing = Timing::kLate});
  for (const TorchRun& run : file.runs) {
    INFO(run.model);
    if (run.model == "lstm") continue;  // has neither
    const bool is_language = run.model == "gpt" || run.model == "llama";
    const Counts before = counts();
    require_torch_losses(run, file.seed,
                         {.placement = {.devices = 2},
                          .backends = gpus(),
                          .steps = 4,
                          .tolerance = is_language ? 1e-3 : 1e-2,
                          .precision = Precision::kBfloat16});
    CHECK((counts().attentions > before.attentions) == is_language);
    CHECK((counts().convolutions > before.convolutions) == !is_language);
  }
}

TEST_CASE("algorithms that add in a fixed order are chosen: the same bits again, and replayed", "[emulation]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const MachineForTest machine({.devices = 2});
  for (const std::size_t model : {0U, 1U, 2U}) {  // gpt, llama, resnet
    const TorchRun& run = file.runs.at(model);
    INFO(run.model);
    const std::vector<double> once = bfloat16_losses(run, file.seed, gpus(), 2);
    CHECK(bfloat16_losses(run, file.seed, gpus(), 2) == once);
    CHECK(bfloat16_losses(run, file.seed, gpus(AttentionChoice::kFused, false), 2) == once);
  }
}

TEST_CASE("layers that are alike share the plans of their attention", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const Counts before = counts();
  static_cast<void>(bfloat16_losses(file.runs.at(0), file.seed, gpus()));
  CHECK(counts().attentions - before.attentions == 12);  // of 2 layers in 3 steps, forwards and backwards
  CHECK(counts().plans - before.plans == 2 * 2);         // the first that is compiled takes too much scratch
}

TEST_CASE("what old versions of cuDNN get wrong in attention is done otherwise", "[emulation]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const auto losses = [&](std::int64_t version, AttentionChoice attention) {
    const MachineForTest machine({.cudnn_version = version});
    return bfloat16_losses(file.runs.at(0), file.seed, gpus(attention));
  };
  const std::vector<double> blocks = losses(91900, AttentionChoice::kBlocks);
  // Of 2 layers in 3 steps: none; forwards alone, since keys are no multiple of 128; both.
  for (const auto& [version, attentions] :
       std::map<std::int64_t, std::int64_t>{{90500, 6}, {91000, 0}, {91001, 0}, {91002, 6}, {91500, 6}, {91600, 12}}) {
    CAPTURE(version);
    const Counts before = counts();
    const std::vector<double> fused = losses(version, AttentionChoice::kFused);
    CHECK(counts().attentions - before.attentions == attentions);
    for (std::size_t i = 0; i < blocks.size(); ++i) CHECK(fused[i] == Approx(blocks[i]).epsilon(5e-4));
  }
}

namespace {

// dQ of an attention with random operands, in any order.
std::vector<std::uint16_t> query_gradient(std::int64_t version) {
  const MachineForTest machine({.devices = 1, .cudnn_version = version});
  cuda::CudaDevice device({.attention = AttentionChoice::kAnyOrder});
  const gpu::AttentionProblem problem{.batch = 2,
                                      .queries = 5,
                                      .keys = 128,
                                      .query_heads = 2,
                                      .key_heads = 1,
                                      .depth = 8,
                                      .value_depth = 16,
                                      .scale = 0.3F,
                                      .is_backward = true};
  const auto attention = device.make_attention(problem);
  REQUIRE(attention);
  std::vector<DeviceMemory> memory;
  const auto filled = [&](std::int64_t count, std::int64_t bytes) {
    memory.push_back(device.allocate_scratch(count * bytes));
    std::vector<std::uint16_t> halves(static_cast<std::size_t>(count * bytes / 2));
    const RandomStream values(9, "operand", memory.size());
    for (std::size_t i = 0; i < halves.size(); ++i) {
      halves[i] = to_bfloat16(static_cast<float>(values.uniform(i) - 0.5));
    }
    device.upload(memory.back().get(), halves.data(), count * bytes);
    return static_cast<void*>(memory.back().get());
  };
  const gpu::AttentionOperands operands{.q = filled(160, 2),
                                        .k = filled(2048, 2),
                                        .v = filled(4096, 2),
                                        .y = filled(320, 2),
                                        .statistics = filled(20, 4),
                                        .dy = filled(320, 2),
                                        .dq = filled(160, 2),
                                        .dk = filled(2048, 2),
                                        .dv = filled(4096, 2)};
  attention->run(operands);
  attention->run(operands);  // its scratch is not what it was
  std::vector<std::uint16_t> gradient(160);
  device.host_copies().to_host(gradient.data(), operands.dq, 320);
  device.synchronize();
  return gradient;
}

}  // namespace

TEST_CASE("the gradient of queries that adds in any order begins at zero with old versions of cuDNN, too",
          "[emulation]") {
  const std::vector<std::uint16_t> gradient = query_gradient(91900);
  const std::vector<std::uint16_t> old = query_gradient(90500);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    CAPTURE(i);
    CHECK(from_bfloat16(old[i]) == Approx(from_bfloat16(gradient[i])).epsilon(0.03));
  }
}

TEST_CASE("a filter that does not fit is refused as cuDNN refuses it", "[emulation]") {
  cudnnTensorDescriptor_t tensor = nullptr;
  cudnnFilterDescriptor_t filter = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  REQUIRE(cudnnCreateTensorDescriptor(&tensor) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnCreateFilterDescriptor(&filter) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnCreateConvolutionDescriptor(&convolution) == CUDNN_STATUS_SUCCESS);
  const auto set_tensor = [&](int n, int c, int h, int w) {
    return cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n, c, h, w);
  };
  const auto set_convolution = [&](int pad, int stride, int dilation, cudnnDataType_t type) {
    return cudnnSetConvolution2dDescriptor(convolution, pad, pad, stride, stride, dilation, dilation,
                                           CUDNN_CROSS_CORRELATION, type);
  };
  CHECK(set_tensor(0, 3, 8, 8) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_tensor(65536, 64, 64, 64) == CUDNN_STATUS_NOT_SUPPORTED);
  CHECK(set_tensor(2, 4, 8, 8) == CUDNN_STATUS_SUCCESS);
  CHECK(cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 6, 0, 3, 3) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_convolution(-1, 1, 1, CUDNN_DATA_FLOAT) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_convolution(1, 0, 1, CUDNN_DATA_FLOAT) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_convolution(1, 1, 0, CUDNN_DATA_FLOAT) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_convolution(1, 1, 1, CUDNN_DATA_BFLOAT16) == CUDNN_STATUS_BAD_PARAM);
  CHECK(set_convolution(1, 1, 1, CUDNN_DATA_FLOAT) == CUDNN_STATUS_SUCCESS);
  CHECK(cudnnSetConvolutionGroupCount(convolution, 0) == CUDNN_STATUS_BAD_PARAM);
  static_cast<void>(cudnnDestroyTensorDescriptor(tensor));
  static_cast<void>(cudnnDestroyFilterDescriptor(filter));
  static_cast<void>(cudnnDestroyConvolutionDescriptor(convolution));
}

namespace {

struct TensorChoice {
  std::array<std::int64_t, 4> extents{1, 4, 3, 5};
  std::array<std::int64_t, 4> strides{60, 15, 5, 1};
  std::int64_t alignment = 16;
  bool is_number = false;
};

// Not finalized.
CudnnDescriptor tensor_of(const TensorChoice& choice) {
  static std::int64_t id = 1;
  CudnnDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  tensor.set_many(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, choice.extents);
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, choice.strides);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id++);
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, choice.alignment);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, choice.is_number);
  return tensor;
}

cudnnStatus_t finalized(const TensorChoice& choice) { return cudnnBackendFinalize(tensor_of(choice).get()); }

// A product of A[1, 4, 3, 5] and B.
cudnnStatus_t product_with(const TensorChoice& b) {
  CudnnDescriptor what(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  what.set_many(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  what.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, what);
  const auto set = [&operation](cudnnBackendAttributeName_t name, const TensorChoice& choice) {
    CudnnDescriptor tensor = tensor_of(choice);
    tensor.finalize();
    operation.set(name, tensor);
  };
  set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, {});
  set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
  set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, {.extents = {1, 4, 3, 7}, .strides = {84, 21, 7, 1}});
  return cudnnBackendFinalize(operation.get());
}

}  // namespace

TEST_CASE("descriptors of a graph are refused as cuDNN refuses them", "[emulation]") {
  CHECK(finalized({}) == CUDNN_STATUS_SUCCESS);
  CHECK(finalized({.strides = {-1, 15, 5, 1}}) == CUDNN_STATUS_BAD_PARAM);
  CHECK(finalized({.alignment = 3}) == CUDNN_STATUS_BAD_PARAM);
  CHECK(finalized({.is_number = true}) == CUDNN_STATUS_BAD_PARAM);
  CHECK(product_with({.extents = {1, 2, 5, 7}, .strides = {70, 35, 7, 1}}) == CUDNN_STATUS_SUCCESS);
  CHECK(product_with({.extents = {1, 3, 5, 7}, .strides = {105, 35, 7, 1}}) == CUDNN_STATUS_BAD_PARAM);
  CHECK(product_with({.extents = {1, 2, 6, 7}, .strides = {84, 42, 7, 1}}) == CUDNN_STATUS_BAD_PARAM);

  CudnnDescriptor tensor = tensor_of({});
  const std::int64_t one = 1;
  const auto set_id = [&](cudnnBackendAttributeType_t type, std::int64_t count) {
    return cudnnBackendSetAttribute(tensor.get(), CUDNN_ATTR_TENSOR_UNIQUE_ID, type, count, &one);
  };
  CHECK(set_id(CUDNN_TYPE_BOOLEAN, 1) == CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
  CHECK(set_id(CUDNN_TYPE_INT64, 2) == CUDNN_STATUS_BAD_PARAM);
  tensor.finalize();
  CHECK(set_id(CUDNN_TYPE_INT64, 1) == CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnBackendFinalize(tensor.get()) == CUDNN_STATUS_BAD_PARAM);

  const CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  std::int64_t size = 0;
  std::int64_t count = 0;
  CHECK(cudnnBackendGetAttribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                                 &size) == CUDNN_STATUS_NOT_INITIALIZED);
  CHECK(cudnnBackendDestroyDescriptor(nullptr) == CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
}

TEST_CASE("a handle that is made while its stream is captured breaks the capture", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  const cuda::Stream stream;
  MP_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  cudnnHandle_t handle = nullptr;
  CHECK(cudnnCreate(&handle) == CUDNN_STATUS_NOT_INITIALIZED);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorStreamCaptureInvalidated);
  static_cast<void>(cudaGetLastError());
}

}  // namespace mp::emulation
