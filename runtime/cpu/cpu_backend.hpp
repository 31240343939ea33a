// The CPU backend: oneDNN primitives and hand-written loops.
#pragma once

#include <memory>

#include "runtime/backend.hpp"

namespace mp::runtime {

struct CpuOptions {
  int threads = 0;  // OpenMP team of this device; 0: all cores. Results are the same bits for every value.
};

[[nodiscard]] std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

}  // namespace mp::runtime
