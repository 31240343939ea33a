// What a step puts on a GPU, without one: the program is walked with the real kernels and fusions, whose launches and
// library calls are noted instead of done.
#pragma once

#include <string>
#include <vector>

#include "lib/graph/types.hpp"
#include "lib/program/program.hpp"
#include "runtime/gpu/launch_log.hpp"

namespace mp::runtime::gpu {

struct DryRunOptions {
  bool epilogues = true;  // what the device's library can do with a product is done with it
  bool attention = true;  // the device's library has fused attention
};

// An instruction, or several that run in one go.
struct StepWork {
  std::vector<std::string> nodes = {};      // none: a copy or a sum that is no node's
  std::vector<std::string> operators = {};  // beside them
  std::vector<LoggedWork> launches = {};
  DataType type = DataType::kFloat32;  // what is computed in
  // Products and attention have their own figures. What kernels read and write is each operand of their nodes once, but
  // for what nodes that run in one go hand each other; their FLOPs are those of the operators.
  double flops = 0.0;
  double bytes_read = 0.0;
  double bytes_written = 0.0;
  [[nodiscard]] bool is_misaligned() const;
};

// One step of `device`, in order. Throws RunError for a node that GPUs have no kernel for.
[[nodiscard]] std::vector<StepWork> dry_run(const Program& program, DeviceId device, const DryRunOptions& options);

}  // namespace mp::runtime::gpu
