#include "tests/emulation/memory.hpp"

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>

#include "tests/emulation/machine.hpp"
#include "tests/emulation/state.hpp"

namespace mp::emulation {
namespace {

// New memory and memory given back hold NaN in float32 and bfloat16, and −1 in integers.
constexpr int kGarbage = 0xff;
constexpr std::size_t kAlignment = 512;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Behind every block: what is written there is found when the block is freed.
constexpr std::size_t kFence = 256;
constexpr int kFencePattern = 0xa5;

struct Memory {
  std::mutex mutex;
  std::map<const std::byte*, std::shared_ptr<Block>> blocks;  // by their start
  std::map<int, std::size_t> used;                            // by device
};

Memory& memory() {
  static Memory all;
  return all;
}

std::align_val_t alignment_of(std::size_t size) { return std::align_val_t{size >= kHugePage ? kHugePage : kAlignment}; }

std::shared_ptr<Block> add(std::size_t size, int device) {
  auto block = std::make_shared<Block>();
  block->size = size;
  block->device = device;
  block->start = static_cast<std::byte*>(::operator new(size + kFence, alignment_of(size)));
  if (size >= kHugePage) static_cast<void>(madvise(block->start, size, MADV_HUGEPAGE));  // for speed alone
  std::memset(block->start, kGarbage, size);
  std::memset(block->start + size, kFencePattern, kFence);
  count_things(1);
  const std::lock_guard lock(memory().mutex);
  memory().blocks[block->start] = block;
  return block;
}

// Null: there is no such block of this kind.
std::shared_ptr<Block> take(void* start, bool is_pinned) {
  const std::lock_guard lock(memory().mutex);
  const auto found = memory().blocks.find(static_cast<std::byte*>(start));
  if (found == memory().blocks.end() || (found->second->device < 0) != is_pinned) return nullptr;
  std::shared_ptr<Block> block = found->second;
  memory().blocks.erase(found);
  if (!is_pinned) memory().used[block->device] -= block->size;
  return block;
}

void give_back(Block& block) {
  for (std::size_t i = 0; i < kFence; ++i) {
    if (std::to_integer<int>(block.start[block.size + i]) == kFencePattern) continue;
    std::fprintf(stderr, "emulated GPU: byte %zu behind a block of %zu bytes was written\n", i, block.size);
    std::abort();
  }
  block.is_freed = true;
  std::memset(block.start, kGarbage, block.size);
  ::operator delete(block.start, alignment_of(block.size));
  count_things(-1);
}

}  // namespace

std::shared_ptr<Block> block_of(const void* address, std::size_t size) {
  const auto* first = static_cast<const std::byte*>(address);
  const std::lock_guard lock(memory().mutex);
  auto found = memory().blocks.upper_bound(first);
  if (found == memory().blocks.begin()) return nullptr;
  const std::shared_ptr<Block>& block = (--found)->second;
  if (first >= block->start + block->size) return nullptr;
  if (first + size > block->start + block->size) throw std::out_of_range("a range that a block of memory ends in");
  return block;
}

}  // namespace mp::emulation

using namespace mp::emulation;

cudaError_t cudaMalloc(void** address, std::size_t size) {
  *address = nullptr;
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  const int device = current_device();
  {
    const std::lock_guard lock(memory().mutex);
    std::size_t& used = memory().used[device];
    if (size > static_cast<std::size_t>(machine().memory_bytes) - used) return report(cudaErrorMemoryAllocation);
    used += size;
  }
  *address = add(size, device)->start;
  return cudaSuccess;
}

cudaError_t cudaFree(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  const std::shared_ptr<Block> block = take(address, false);
  if (!block) return report(cudaErrorInvalidValue);
  finish_device(block->device);  // not the others, which may still copy from it
  give_back(*block);
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** address, std::size_t size, unsigned /*flags*/) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  *address = add(size, -1)->start;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  const std::shared_ptr<Block> block = take(address, true);
  if (!block) return report(cudaErrorInvalidValue);
  give_back(*block);  // waits for nobody
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  *total = static_cast<std::size_t>(machine().memory_bytes);
  const std::lock_guard lock(memory().mutex);
  *available = *total - memory().used[current_device()];
  return cudaSuccess;
}
