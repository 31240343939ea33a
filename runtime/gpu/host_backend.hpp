// The GPU's kernels on the host, one item after the other: how their arithmetic and indexing are held against the CPU
// backend, PyTorch and whole trainings on a machine without a GPU. Slow, and for tests alone.
#pragma once

#include <memory>

#include "runtime/backend.hpp"

namespace mp::runtime {

[[nodiscard]] std::unique_ptr<Backend> make_gpu_host_backend();

struct GpuHostOptions {
  bool epilogues = true;             // look for products that can take with them what is done to them
  bool fuses_attention = false;      // in bfloat16, as a library does
  bool refuses_epilogues = false;    // a library that has no such product
  bool fuses_normalizations = true;  // with the epilogues
};
[[nodiscard]] std::unique_ptr<Backend> make_gpu_host_backend_with(const GpuHostOptions& options);

}  // namespace mp::runtime
