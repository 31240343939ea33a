// How long what a step puts on a GPU takes at least, and with the efficiency that a cluster's file gives a device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "runtime/gpu/dry_run.hpp"

namespace mp::runtime::gpu {

// Within a replayed CUDA graph, from the end of one kernel to the start of the next that depends on it: 1 to 2 µs have
// been measured on H100s.
inline constexpr double kGraphLaunchSeconds = 1.5e-6;

// Products whose rows are not aligned to 16 bytes cannot use Hopper's tensor instructions: cuBLAS falls back to kernels
// of Ampere's kind, 3.5 times slower where it has been measured (H100, rows of 588 against 592 elements).
inline constexpr double kMisalignedFactor = 3.5;

struct WorkTime {
  double peak_s = 0.0;      // arithmetic at the peak or bytes at the peak, whichever takes longer; aligned
  double expected_s = 0.0;  // at the efficiency for its kind and size, with launches, and the factor of misaligned rows
};
[[nodiscard]] WorkTime work_time(const StepWork& work, const DeviceType& type);

// Work of one kind: "products", "attention", "normalizations", ….
[[nodiscard]] std::string_view kind_of(const StepWork& work);

struct KindSum {
  std::string_view kind = {};
  std::int64_t launches = 0;
  double flops = 0.0;
  double bytes_read = 0.0;
  double bytes_written = 0.0;
  WorkTime time = {};
};
// By kind, those that are expected to take longest first.
[[nodiscard]] std::vector<KindSum> sums_by_kind(const std::vector<StepWork>& step, const DeviceType& type);

}  // namespace mp::runtime::gpu
