// Memory of devices and pinned memory of the host, by address.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace mp::emulation {

struct Block {
  std::byte* start = nullptr;
  std::size_t size = 0;
  int device = -1;                    // −1: pinned
  std::atomic<bool> is_freed{false};  // seen by work that is done too late
};

// Of [address, address + size); null: memory of the host that is not pinned. Throws std::out_of_range where the range
// begins in a block and does not end in it.
[[nodiscard]] std::shared_ptr<Block> block_of(const void* address, std::size_t size);

[[nodiscard]] bool is_in_use();  // any block

}  // namespace mp::emulation
