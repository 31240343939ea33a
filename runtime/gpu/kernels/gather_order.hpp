// The order of indices by the slices they name, for gradients that add up the slices of equal ones.
#pragma once

#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernels/sequence.hpp"

namespace mp::runtime::gpu {

class GatherOrder {
 public:
  GatherOrder(Device& device, const Slices& slices, Fault* fault);
  // Puts the work into the queue. The position of the k-th smallest index, equal ones in the order of their positions;
  // an index outside has the place of −1, and is reported. Until the next call.
  [[nodiscard]] const std::int64_t* put_in(const std::int64_t* indices) const;
  [[nodiscard]] std::int64_t workspace_bytes() const;
  [[nodiscard]] Fault* fault() const { return fault_; }

 private:
  [[nodiscard]] bool is_merged() const { return slices_.indices > kOrderedRun; }

  Device* device_;
  Slices slices_;
  Fault* fault_;
  DeviceMemory scratch_;
};

}  // namespace mp::runtime::gpu
