#include "runtime/backends.hpp"

#include <fmt/core.h>

#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cpu/affinity.hpp"
#include "runtime/cpu/cpu_backend.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/devices.hpp"

namespace mp::runtime {
namespace {

// Which GPU a device of the plan is.
int gpu_of(DeviceId device, std::size_t gpus, bool oversubscribe) {
  if (index(device) < gpus) return static_cast<int>(index(device));
  if (oversubscribe) return static_cast<int>(index(device) % gpus);
  throw RunError(fmt::format(
      "the plan has a device {}, this machine {} CUDA {}: --oversubscribe lets devices of the plan share them; of "
      "several ranks each has to see all GPUs of its host (srun --gpus-per-node, not --gpus-per-task)",
      index(device), gpus, gpus == 1 ? "device" : "devices"));
}

BackendFactory cuda_factory(const BackendChoice& choice) {
  const DeviceList list = cuda_devices();
  if (list.devices.empty()) {
    throw RunError(fmt::format("no CUDA backend to train on: {}; use --backend cpu", list.no_cuda));
  }
  return [gpus = list.devices.size(), choice](DeviceId device) {
    return make_cuda_backend({.device = gpu_of(device, gpus, choice.oversubscribe),
                              .allow_tf32 = choice.allow_tf32,
                              .use_graphs = choice.use_cuda_graphs,
                              .use_epilogues = choice.use_epilogues,
                              .tunes_products = choice.tunes_products,
                              .attention = choice.attention,
                              .remark = choice.remark,
                              .use_nccl = choice.use_nccl,
                              .nccl_patience = choice.nccl_patience});
  };
}

}  // namespace

BackendFactory backend_factory(const BackendChoice& choice) {
  if (choice.name == "cuda") return cuda_factory(choice);
  const std::vector<int> usable = choice.pinned_devices > 0 ? cpu::usable_cores() : std::vector<int>{};
  return [choice, usable](DeviceId device) {
    const int threads = choice.cpu_threads;
    CpuOptions options{.threads = threads};
    if (choice.pinned_devices > 0 && threads > 0) {
      options.cores = cpu::cores_of_device(usable, choice.pinned_devices, threads, static_cast<int>(index(device)));
      options.may_watch =
          static_cast<std::size_t>(choice.pinned_devices) * static_cast<std::size_t>(threads) < usable.size();
    }
    return make_cpu_backend(options);
  };
}

}  // namespace mp::runtime
