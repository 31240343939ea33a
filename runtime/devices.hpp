// The devices of this machine: its processor, and its NVIDIA GPUs where there are any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mp::runtime {

struct DeviceInfo {
  std::string name;         // as plans and backends call it: "cpu", "cuda:0"
  std::string description;  // "NVIDIA H100 80GB HBM3, compute capability 9.0"
  std::int64_t memory_bytes = 0;
  friend bool operator==(const DeviceInfo&, const DeviceInfo&) = default;
};

struct DeviceList {
  std::vector<DeviceInfo> devices;
  std::string no_cuda;  // why there is no CUDA device, and what would give one; empty if there is one
};

// The processor first, then the CUDA devices in the driver's order. Never fails: what cannot be used is explained.
[[nodiscard]] DeviceList list_devices();

}  // namespace mp::runtime
