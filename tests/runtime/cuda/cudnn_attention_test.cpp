// Whether cuDNN takes our graphs of attention for an H100. It need not be there: cuDNN plans for a device that is
// described, but wants a driver (or the toolkit's libcuda to link with, see docs/gpu.md) to compile for it.
#include "runtime/cudnn/attention.hpp"

#include <dlfcn.h>

#include <string>

#include "tests/support/catch.hpp"

using namespace mp::runtime;

namespace {

constexpr auto* kH100 =
    R"({"deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "pciDeviceId": 0,
        "multiProcessorCount": 132, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
        "regsPerBlock": 65536, "maxRegistersPerSM": 65536, "warpSize": 32, "maxThreadsPerBlock": 1024,
        "maxThreadsPerSM": 2048, "maxCtasPerSM": 32, "maxSharedMemoryPerBlock": 49152,
        "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "isTccDriver": 0,
        "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "l2CacheSize": 52428800,
        "totalGlobalMem": 85000000000})";

bool has_driver() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver != nullptr) dlclose(driver);
  return driver != nullptr;
}

constexpr gpu::AttentionProblem kGpt2{.batch = 8,
                                      .queries = 1024,
                                      .keys = 1024,
                                      .query_heads = 12,
                                      .key_heads = 12,
                                      .depth = 64,
                                      .value_depth = 64,
                                      .scale = 0.125F,
                                      .is_causal = true};

void check(const gpu::AttentionProblem& problem) {
  const CudnnAttentionPlans plans = plan_cudnn_attention(problem, has_driver() ? kH100 : "");
  INFO(plans.reason);
  CHECK(plans.is_graph_taken);
  if (has_driver()) CHECK(plans.engines > 0);
}

}  // namespace

TEST_CASE("cuDNN takes the graphs of attention and its gradient", "[gpu-kernels][cudnn]") {
  if (plan_cudnn_attention(kGpt2, "").reason.starts_with("this build")) return;  // has none, or an old one
  gpu::AttentionProblem problem = kGpt2;
  for (const bool is_backward : {false, true}) {
    for (const std::int64_t key_heads : {12, 4}) {
      problem.is_backward = is_backward;
      problem.key_heads = key_heads;
      check(problem);
      problem.is_causal = !problem.is_causal;
      check(problem);
    }
  }
  problem.is_deterministic = false;
  check(problem);
}

TEST_CASE("cuDNN's fused attention has limits, which are said", "[gpu-kernels][cudnn]") {
  gpu::AttentionProblem problem = kGpt2;
  problem.is_backward = true;
  problem.queries = problem.keys = 8192;
  const CudnnAttentionPlans plans = plan_cudnn_attention(problem, "");
  CHECK(!plans.is_graph_taken);
  CHECK(!plans.reason.empty());
}
