// The throughput problem of pipelines: place units on devices so that the busiest device has the least load.
//
// Tarnawski, Phanishayee, Devanur, Mahajan, Nina Paravecino: Efficient Algorithms for Device Placement of DNN Graph
// Operators, NeurIPS 2020 ("max-load"). In the steady state of a pipeline a device takes, per step, its compute, plus
// the time of every tensor that it sends to some other device (once, however many read it) and of every tensor that it
// receives (once, however many of its units read it). A class of devices may work in the memory of the host and pay no
// transfers, as the paper's CPUs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mp::partition {

// Devices that are alike.
struct DeviceClass {
  std::int64_t memory_bytes = 0;  // of each device; 0: not limited
  bool pays_transfers = true;
  friend bool operator==(const DeviceClass&, const DeviceClass&) = default;
};

struct LoadTensor {
  std::int32_t producer = 0;          // unit
  std::vector<std::int32_t> readers;  // units, each once, without the producer
  double transfer_s = 0.0;            // per step
};

// Positions stand for units, devices and classes. All times are finite and ≥ 0, but for kNever.
struct LoadProblem {
  std::vector<DeviceClass> classes;
  std::vector<std::int32_t> class_of;                        // of every device
  std::vector<std::vector<double>> seconds;                  // [class][unit]; infinity: cannot run there
  std::vector<std::int64_t> bytes;                           // of every unit
  std::vector<LoadTensor> tensors;                           // that some other unit reads
  std::vector<std::pair<std::int32_t, std::int32_t>> order;  // (a, b): a before b in the forward pass
  std::vector<std::int32_t> fixed;                           // device of every unit, −1: free; empty: all free

  [[nodiscard]] std::size_t units() const { return bytes.size(); }
  [[nodiscard]] std::size_t devices() const { return class_of.size(); }
  [[nodiscard]] std::int32_t fixed_device(std::size_t unit) const { return fixed.empty() ? -1 : fixed[unit]; }
  // How many devices each class has.
  [[nodiscard]] std::vector<std::int32_t> counts() const;
};

// Device of every unit.
using LoadPlacement = std::vector<std::int32_t>;

struct DeviceLoad {
  double compute_s = 0.0;
  double transfer_s = 0.0;
  std::int64_t bytes = 0;
  [[nodiscard]] double seconds() const { return compute_s + transfer_s; }
};

// Counted from the definition.
[[nodiscard]] std::vector<DeviceLoad> loads_of(const LoadProblem& problem, const LoadPlacement& placement);

// The largest load, in seconds; infinity where the memory of a device is exceeded, a unit cannot run where it is, or is
// not where it is fixed.
[[nodiscard]] double max_load(const LoadProblem& problem, const LoadPlacement& placement);

// `problem` with units merged: group_of[unit] numbers the groups from 0. Tensors within a group vanish, and so does
// what orders its units. Two different fixed devices in a group are the caller's mistake.
[[nodiscard]] LoadProblem merge_units(const LoadProblem& problem, const std::vector<std::int32_t>& group_of,
                                      std::int32_t groups);

// Device of every unit from that of its group.
[[nodiscard]] LoadPlacement placement_of_members(const LoadPlacement& groups,
                                                 const std::vector<std::int32_t>& group_of);

}  // namespace mp::partition
