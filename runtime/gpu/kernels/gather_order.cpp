#include "runtime/gpu/kernels/gather_order.hpp"

namespace mp::runtime::gpu {

GatherOrder::GatherOrder(Device& device, const Slices& slices, Fault* fault)
    : device_(&device), slices_(slices), fault_(fault), scratch_(device.allocate_scratch(workspace_bytes())) {}

std::int64_t GatherOrder::workspace_bytes() const {
  return slices_.indices * (is_merged() ? 2 : 1) * static_cast<std::int64_t>(sizeof(std::int64_t));
}

const std::int64_t* GatherOrder::put_in(const std::int64_t* indices) const {
  const std::int64_t count = slices_.indices;
  auto* order = reinterpret_cast<std::int64_t*>(scratch_.get());
  const Queue queue = device_->queue();
  for_rows(queue, count, least(count, kOrderedRun), GatherOrderRow{slices_, indices, order, fault_});
  if (!is_merged()) return order;
  for_items(queue, count, GatherMergeItem{slices_, indices, order, order + count});
  return order + count;
}

}  // namespace mp::runtime::gpu
