// The backends by name: where the choice of the command line becomes devices.
#pragma once

#include <string_view>

#include "runtime/executor.hpp"

namespace mp::runtime {

struct BackendChoice {
  std::string_view name = "auto";  // "auto", "cpu", "cuda"
  int cpu_threads = 0;             // of each cpu device; 0: all cores
};

// One backend per device of a plan. Throws RunError where this machine or build has none of that name, saying why.
[[nodiscard]] BackendFactory backend_factory(const BackendChoice& choice);

}  // namespace mp::runtime
