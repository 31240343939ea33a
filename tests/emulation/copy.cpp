// Copies and memset. What a copy does with host memory that is not pinned is the driver's choice ("might be
// synchronous"): here it is done with the rest of the stream, so that nobody counts on more.
#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include "tests/emulation/graph.hpp"
#include "tests/emulation/memory.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

namespace {

// Pairs of devices, the first of which may reach the second's memory.
std::mutex peers_mutex;
std::set<std::pair<int, int>> peers;

bool may_reach(int device, int other) {
  const std::lock_guard lock(peers_mutex);
  return peers.contains({device, other});
}

void count_copy(const Block* to, const Block* from, std::int64_t size) {
  if (to == nullptr || from == nullptr) add_to(mutable_counts().pageable_bytes, size);
  if (to == nullptr || from == nullptr || to->device < 0 || from->device < 0 || to->device == from->device) return;
  AtomicCounts& counts = mutable_counts();
  add_to(may_reach(to->device, from->device) ? counts.peer_bytes : counts.staged_bytes, size);
}

void require_alive(const std::shared_ptr<Block>& block) {
  if (!block || !block->is_freed.load(std::memory_order_relaxed)) return;
  add_to(mutable_counts().late_uses, 1);
  throw std::runtime_error("memory is freed already");
}

}  // namespace

void mp::emulation::forget_peers() {
  const std::lock_guard lock(peers_mutex);
  peers.clear();
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind, cudaStream_t stream) {
  std::shared_ptr<Block> target;
  std::shared_ptr<Block> source;
  try {
    target = block_of(to, size);
    source = block_of(from, size);
  } catch (const std::out_of_range&) {
    return report(cudaErrorInvalidValue);
  }
  const bool to_device = target && target->device >= 0;
  const bool from_device = source && source->device >= 0;
  if (kind == cudaMemcpyHostToDevice && (!to_device || from_device)) return report(cudaErrorInvalidValue);
  if (kind == cudaMemcpyDeviceToHost && (to_device || !from_device)) return report(cudaErrorInvalidValue);
  if (kind == cudaMemcpyDeviceToDevice && (!to_device || !from_device)) return report(cudaErrorInvalidValue);
  if ((!target || !source) && stream->capture != nullptr) {
    stream->capture->is_broken = true;
    return report(cudaErrorStreamCaptureUnsupported);
  }
  count_copy(target.get(), source.get(), static_cast<std::int64_t>(size));
  const cudaError_t error = put_in(stream, [=] {
    require_alive(target);
    require_alive(source);
    std::memcpy(to, from, size);
  });
  return error == cudaSuccess ? cudaSuccess : report(error);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t size, cudaStream_t stream) {
  std::shared_ptr<Block> target;
  try {
    target = block_of(to, size);
  } catch (const std::out_of_range&) {
    return report(cudaErrorInvalidValue);
  }
  if (!target) return report(cudaErrorInvalidValue);
  const cudaError_t error = put_in(stream, [=] {
    require_alive(target);
    std::memset(to, value, size);
  });
  return error == cudaSuccess ? cudaSuccess : report(error);
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  const int count = machine().devices;
  if (device < 0 || peer < 0 || device >= count || peer >= count) return report(cudaErrorInvalidDevice);
  *can = machine().has_peer_access && device != peer ? 1 : 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (flags != 0) return report(cudaErrorInvalidValue);
  if (peer < 0 || peer >= machine().devices || peer == current_device()) return report(cudaErrorInvalidDevice);
  if (!machine().has_peer_access) return report(cudaErrorPeerAccessUnsupported);
  const std::lock_guard lock(peers_mutex);
  return peers.emplace(current_device(), peer).second ? cudaSuccess : report(cudaErrorPeerAccessAlreadyEnabled);
}
