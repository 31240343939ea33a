#include "runtime/gpu/device.hpp"

#include <utility>

namespace mp::runtime::gpu {

std::size_t StepValues::add(std::size_t size_bytes, Fill fill) {
  const std::size_t offset = size_bytes_;
  slots_.push_back({offset, std::move(fill)});
  size_bytes_ += (size_bytes + 7) / 8 * 8;
  return offset;
}

void StepValues::fill(const StepContext& context, std::byte* to) const {
  for (const Slot& slot : slots_) slot.fill(context, to + slot.offset);
}

}  // namespace mp::runtime::gpu
