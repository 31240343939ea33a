#include "runtime/lent_parameters.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

namespace mp::runtime {
namespace {

std::map<std::string_view, std::int64_t> sizes_of_parameters(const Program& program, DeviceId device) {
  std::map<std::string_view, std::int64_t> sizes;
  for (const Buffer& buffer : program.devices[device].buffers) {
    if (buffer.role != BufferRole::kParameter) continue;
    sizes.emplace(program.training.graph.tensor(buffer.tensor).name, buffer.size_bytes);
  }
  return sizes;
}

// Parameters lie at the beginning of an arena.
void close_gaps(DeviceProgram& device) {
  std::vector<Buffer*> kept;
  for (Buffer& buffer : device.buffers) {
    if (buffer.role == BufferRole::kParameter && !is_lent(buffer)) kept.push_back(&buffer);
  }
  std::sort(kept.begin(), kept.end(),
            [](const Buffer* a, const Buffer* b) { return a->offset_bytes < b->offset_bytes; });
  std::int64_t end = 0;
  for (Buffer* buffer : kept) {
    buffer->offset_bytes = end;
    end += aligned_bytes(buffer->size_bytes);
  }
  const std::int64_t gap = device.persistent_bytes - end;
  for (Buffer& buffer : device.buffers) {
    if (buffer.role != BufferRole::kParameter) buffer.offset_bytes -= gap;
  }
  device.persistent_bytes -= gap;
  device.arena_bytes -= gap;
}

}  // namespace

void lend_parameters(const Program& lender, Program& borrower) {
  for (const DeviceId d : ids<DeviceId>(borrower.devices.size())) {
    const std::map<std::string_view, std::int64_t> lent = sizes_of_parameters(lender, d);
    DeviceProgram& device = borrower.devices[d];
    for (Buffer& buffer : device.buffers) {
      if (buffer.role != BufferRole::kParameter) continue;
      const auto known = lent.find(borrower.training.graph.tensor(buffer.tensor).name);
      if (known != lent.end() && known->second == buffer.size_bytes) buffer.offset_bytes = kLent;
    }
    close_gaps(device);
  }
}

}  // namespace mp::runtime
