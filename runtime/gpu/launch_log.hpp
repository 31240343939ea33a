// What is put on a device, noted instead of done: for a queue that has a log, and a device that keeps one.
#pragma once

#include <cstdint>
#include <string>
#include <typeinfo>
#include <vector>

namespace mp::runtime::gpu {

enum class WorkKind : std::uint8_t { kKernel, kProduct, kAttention, kConvolution, kMemory };

// One launch, or one call of a library. What a kernel of runtime/gpu reads and writes its items do not tell: 0 for
// these.
struct LoggedWork {
  WorkKind kind = WorkKind::kKernel;
  std::string what = {};
  double flops = 0.0;
  double bytes_read = 0.0;
  double bytes_written = 0.0;
  bool is_misaligned = false;  // a product with rows that do not begin at multiples of 16 bytes
};

class LaunchLog {
 public:
  // A kernel, by the type of its item or row.
  void add_kernel(const std::type_info& type);
  void add(LoggedWork work) { work_.push_back(std::move(work)); }
  // All since the last call.
  [[nodiscard]] std::vector<LoggedWork> take();

 private:
  std::vector<LoggedWork> work_;
};

}  // namespace mp::runtime::gpu
