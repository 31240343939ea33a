// Which source elements an output of a Resize blends, and which outputs use a source element: found once, from the
// shape, and kept on the device.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/windows.hpp"

namespace mp::runtime::gpu {

class ResizeTable {
 public:
  struct Addresses {
    std::array<std::int64_t, 2> source;
    std::array<std::int64_t, 2> destination;
    const Neighbours* rows;
    const Neighbours* columns;
    const Users* row_users;
    const Users* column_users;
  };

  // `from`, `to`: shapes [N, C, …] of the forward operator.
  ResizeTable(const KernelCall& call, const Shape& from, const Shape& to);
  [[nodiscard]] Addresses addresses() const;
  [[nodiscard]] std::int64_t size_bytes() const { return size_bytes_; }

 private:
  std::array<std::int64_t, 2> source_{};
  std::array<std::int64_t, 2> destination_{};
  std::int64_t size_bytes_ = 0;
  DeviceMemory memory_;  // neighbours of rows and columns, users of rows and columns
};

}  // namespace mp::runtime::gpu
