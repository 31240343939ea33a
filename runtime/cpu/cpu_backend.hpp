// The CPU backend: oneDNN primitives and hand-written loops.
#pragma once

#include <memory>
#include <vector>

#include "runtime/backend.hpp"

namespace mp::runtime {

struct CpuOptions {
  int threads = 0;           // OpenMP team of this device; 0: all cores. Results are the same bits for every value.
  std::vector<int> cores{};  // one for each thread of the team, to keep to; empty: any
  // A device in wait for another may keep its core busy for a moment: there is one more than all devices' threads need,
  // for the threads that make samples ready and lead the step. These would else wait for who only waits.
  bool may_watch = false;
};

[[nodiscard]] std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

}  // namespace mp::runtime
