#include "lib/program/memory.hpp"

#include <algorithm>
#include <vector>

#include "lib/program/packing.hpp"

namespace mp {
namespace {

// An empty tensor, too, has an address of its own.
std::int64_t aligned(std::int64_t size_bytes) {
  return std::max<std::int64_t>(size_bytes + kBufferAlignment - 1, kBufferAlignment) / kBufferAlignment *
         kBufferAlignment;
}

std::int64_t most_live(const std::vector<Block>& blocks) {
  std::vector<std::pair<std::int32_t, std::int64_t>> changes;
  changes.reserve(2 * blocks.size());
  for (const Block& block : blocks) {
    changes.emplace_back(block.begin, block.size);
    changes.emplace_back(block.end, -block.size);
  }
  std::sort(changes.begin(), changes.end());  // at one position, what ends goes before what begins
  std::int64_t live = 0;
  std::int64_t most = 0;
  for (const auto& [unused, change] : changes) most = std::max(most, live += change);
  return most;
}

struct Transients {
  std::vector<BufferId> buffers;
  std::vector<Block> blocks;
};

Transients transients(const DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes) {
  Transients found;
  for (const BufferId b : ids<BufferId>(program.buffers.size())) {
    const Buffer& buffer = program.buffers[b];
    if (buffer.role == BufferRole::kParameter) continue;
    found.buffers.push_back(b);
    found.blocks.push_back({lifetimes[b].begin, lifetimes[b].end, aligned(buffer.size_bytes)});
  }
  return found;
}

std::int64_t parameter_bytes(const DeviceProgram& program) {
  std::int64_t sum = 0;
  for (const Buffer& buffer : program.buffers) {
    if (buffer.role == BufferRole::kParameter) sum += aligned(buffer.size_bytes);
  }
  return sum;
}

}  // namespace

void assign_offsets(DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes) {
  std::int64_t end = 0;
  for (Buffer& buffer : program.buffers) {
    if (buffer.role != BufferRole::kParameter) continue;
    buffer.offset_bytes = end;
    end += aligned(buffer.size_bytes);
  }
  program.persistent_bytes = end;
  const Transients others = transients(program, lifetimes);
  const Packing packing = pack(others.blocks, most_live(others.blocks));
  for (std::size_t i = 0; i < others.buffers.size(); ++i) {
    program.buffers[others.buffers[i]].offset_bytes = end + packing.offsets[i];
  }
  program.arena_bytes = end + packing.height;
}

std::int64_t most_live_bytes(const DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes) {
  return parameter_bytes(program) + most_live(transients(program, lifetimes).blocks);
}

}  // namespace mp
