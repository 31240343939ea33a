#include "runtime/backends.hpp"

#include <fmt/core.h>

#include "lib/base/error.hpp"
#include "runtime/cpu/cpu_backend.hpp"
#include "runtime/devices.hpp"

namespace mp::runtime {

BackendFactory backend_factory(const BackendChoice& choice) {
  if (choice.name == "cuda") {
    const DeviceList list = list_devices();
    throw RunError(fmt::format("no CUDA backend to train on: {}; use --backend cpu",
                               list.no_cuda.empty() ? "this version has kernels for the cpu alone" : list.no_cuda));
  }
  return [threads = choice.cpu_threads](DeviceId) { return make_cpu_backend({.threads = threads}); };
}

}  // namespace mp::runtime
