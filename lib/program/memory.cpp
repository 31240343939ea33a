#include "lib/program/memory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/program/packing.hpp"

namespace mp {
namespace {

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

// Buffers that stay together, in order: bundles, and each other buffer by itself; by their first buffer.
std::vector<Bundle> all_bundles(const DeviceProgram& program, const std::vector<Bundle>& bundles) {
  IdVector<BufferId, std::int32_t> bundle_of(program.buffers.size(), -1);
  for (std::size_t i = 0; i < bundles.size(); ++i) {
    for (const BufferId b : bundles[i]) {
      MP_CHECK(bundle_of[b] < 0 && program.buffers[b].role == program.buffers[bundles[i].front()].role);
      bundle_of[b] = static_cast<std::int32_t>(i);
    }
  }
  std::vector<bool> taken(bundles.size(), false);
  std::vector<Bundle> all;
  for (const BufferId b : ids<BufferId>(program.buffers.size())) {
    if (program.buffers[b].role == BufferRole::kWhole) continue;
    if (bundle_of[b] < 0) {
      all.push_back({b});
    } else if (const auto i = static_cast<std::size_t>(bundle_of[b]); !taken[i]) {
      taken[i] = true;
      all.push_back(bundles[i]);
    }
  }
  return all;
}

Block block_of(const Bundle& bundle, const DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes) {
  Block block{lifetimes[bundle.front()].begin, lifetimes[bundle.front()].end, 0};
  for (const BufferId b : bundle) {
    block.begin = std::min(block.begin, lifetimes[b].begin);
    block.end = std::max(block.end, lifetimes[b].end);
    block.size += aligned_bytes(program.buffers[b].size_bytes);
  }
  return block;
}

// Side by side from there on; the end.
std::int64_t place(const Bundle& bundle, std::int64_t offset_bytes, DeviceProgram& program) {
  for (const BufferId b : bundle) {
    program.buffers[b].offset_bytes = offset_bytes;
    offset_bytes += aligned_bytes(program.buffers[b].size_bytes);
  }
  return offset_bytes;
}

}  // namespace

void assign_offsets(DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes,
                    const std::vector<Bundle>& bundles) {
  std::int64_t end = 0;
  std::vector<Bundle> others;
  std::vector<Block> blocks;
  for (Bundle& bundle : all_bundles(program, bundles)) {
    if (program.buffers[bundle.front()].role == BufferRole::kParameter) {
      end = place(bundle, end, program);
    } else {
      blocks.push_back(block_of(bundle, program, lifetimes));
      others.push_back(std::move(bundle));
    }
  }
  program.persistent_bytes = end;
  const Packing packing = pack(blocks, most_live(blocks));
  for (std::size_t i = 0; i < others.size(); ++i) place(others[i], end + packing.offsets[i], program);
  program.arena_bytes = end + packing.height;
  for (Buffer& buffer : program.buffers) {
    if (buffer.role == BufferRole::kWhole) buffer.offset_bytes = program.buffers[buffer.first_share].offset_bytes;
  }
}

std::int64_t most_live_bytes(const DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes) {
  std::int64_t parameters = 0;
  std::vector<Block> blocks;
  for (const BufferId b : ids<BufferId>(program.buffers.size())) {
    if (program.buffers[b].role == BufferRole::kParameter) {
      parameters += aligned_bytes(program.buffers[b].size_bytes);
    } else if (program.buffers[b].role != BufferRole::kWhole) {
      blocks.push_back(block_of({b}, program, lifetimes));
    }
  }
  return parameters + most_live(blocks);
}

}  // namespace mp
