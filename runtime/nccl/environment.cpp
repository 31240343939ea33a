#include <fmt/core.h>
#include <nccl.h>

#include <cstdlib>

#include "runtime/nccl/nccl_transport.hpp"

namespace mp::runtime {
namespace {

void set_default(const char* name, const char* value) {
  static_cast<void>(setenv(name, value, 0));  // NOLINT(concurrency-mt-unsafe): before any thread
}

}  // namespace

void prepare_for_nccl(bool shares_gpus) {
  set_default("CUDA_MODULE_LOADING", "EAGER");
  set_default("CUDA_DEVICE_MAX_CONNECTIONS", "32");
  set_default("NCCL_RUNTIME_CONNECT", "0");
  set_default("NCCL_NVLS_ENABLE", "0");
  if (!shares_gpus) return;
  set_default("NCCL_MULTI_RANK_GPU_ENABLE", "1");
  set_default("NCCL_MAX_CTAS", "4");  // so that the transfers of all ranks fit on the GPU at once
}

// From 2.9 on, which is older than all that is called here.
std::string nccl_version() {
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return {};
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace mp::runtime
