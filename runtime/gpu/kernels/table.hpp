// Tables of tensors that one launch walks: each has some of the launch's chunks.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// The row of the table that `chunk` belongs to: the last whose first_chunk is not behind it. Rows lie in the order of
// their chunks, none is without one, and the first begins at 0.
template <class Row>
MP_HD std::int64_t row_of_table(const Row* rows, std::int64_t count, std::int64_t chunk) {
  std::int64_t low = 0;
  std::int64_t high = count;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    if (rows[middle].first_chunk <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace mp::runtime::gpu
