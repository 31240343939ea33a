// The flags that say on what a plan runs.
#pragma once

#include <optional>
#include <string>

#include "apps/common/command_line.hpp"
#include "runtime/backends.hpp"

namespace mp::apps {

struct BackendFlags {
  std::string name = "auto";
  int threads = 0;
  bool oversubscribe = false;
  bool tf32 = false;
  bool no_cuda_graphs = false;
  bool no_epilogues = false;
  bool tune_products = false;
  std::string attention = "fused";
  bool nccl = false;

  // Before the process has threads: throws UsageError for flags that do not go together, RunError where this build
  // lacks what they ask for.
  void prepare() const;
  // Lives as long as the flags. Calls prepare(). `stall_timeout_s`: how long NCCL may take to connect two devices, too;
  // 0: for ever.
  [[nodiscard]] runtime::BackendChoice choice(std::optional<double> stall_timeout_s = {}) const;
};

// --no-epilogues and --attention alone: which kernels a step has on GPUs.
void add_fusion_flags(CLI::App& command, BackendFlags& flags, const std::string& group);
void add_backend_flags(CLI::App& command, BackendFlags& flags, const std::string& group);

}  // namespace mp::apps
