// Sums over axes, for ReduceSum and every kernel that needs one.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/types.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernels/reduction.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

// A tensor as two nests: the axes that stay, and those reduced for each element of these.
struct ReductionNests {
  Strided<1> kept;
  Strided<1> reduced;
  std::int64_t kept_count = 1;
  std::int64_t count = 1;  // elements of each reduced range
};
[[nodiscard]] ReductionNests reduction_nests(const Shape& shape, const std::vector<bool>& is_reduced);

// The sum over some axes times `factor`, in float64, rounded once. How it is cut follows from the shape alone.
class SumReduction {
 public:
  SumReduction(Device& device, const Shape& shape, const std::vector<bool>& is_reduced, double factor);
  void run(ConstReals x, Reals y) const;
  [[nodiscard]] std::int64_t workspace_bytes() const { return partials_bytes_; }

 private:
  Device* device_;
  ReductionNests nests_;
  double factor_;
  bool by_rows_;
  std::int64_t slices_ = 1;
  std::int64_t partials_bytes_ = 0;
  DeviceMemory partials_;
};

// The slices of every sum, added up: by an item to each sum, or, of many slices, by a group.
void fold_sums(const Queue& queue, const SumFold& sums);

// How many slices give a GPU enough items, for `kept` sums of `count` elements.
[[nodiscard]] std::int64_t slices_of(std::int64_t kept, std::int64_t count);

}  // namespace mp::runtime::gpu
