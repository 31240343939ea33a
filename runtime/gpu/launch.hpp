// One function over many items, or over many rows with a group of threads to each: on the device, or, in tests and
// builds without CUDA, one after the other on the host. The functions are the same, so what the tests see on the host
// is the arithmetic and the indexing of the device.
#pragma once

#include <cstdint>

#include "runtime/gpu/launch_log.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

#ifdef MP_CUDA_KERNELS
inline constexpr bool kHasCuda = true;
#else
inline constexpr bool kHasCuda = false;
#endif

// Where work is put, in order.
struct Queue {
  void* stream = nullptr;  // cudaStream_t
  bool on_host = false;
  LaunchLog* log = nullptr;  // noted there, and not done
};

// The threads that share a row. rank() and size() stride its elements; sum, largest and smallest are called by all of
// them and give all of them the result.
struct HostGroup {
  static constexpr std::int64_t kMostSize = 1;
  MP_HD std::int64_t rank() const { return 0; }
  MP_HD std::int64_t size() const { return 1; }
  MP_HD double sum(double x) const { return x; }
  MP_HD void sum(double& /*x*/, double& /*y*/) const {}  // both in one go, in place
  MP_HD float largest(float x) const { return x; }
  MP_HD std::int64_t largest(std::int64_t x) const { return x; }
  MP_HD std::int64_t smallest(std::int64_t x) const { return x; }
  MP_HD void wait() const {}  // writes of the others are seen afterwards
};

// Defined in runtime/cuda/launch.cuh and instantiated for every item and row there.
template <class Item>
void launch_items(void* stream, std::int64_t count, const Item& item);
template <class Row>
void launch_rows(void* stream, std::int64_t rows, std::int64_t width, const Row& row);

// item(i) for every i in [0, count), in no order.
template <class Item>
void for_items(const Queue& queue, std::int64_t count, const Item& item) {
  if (queue.log != nullptr) return queue.log->add_kernel(typeid(Item));
  if (queue.on_host) {
    for (std::int64_t i = 0; i < count; ++i) item(i);
    return;
  }
  if constexpr (kHasCuda) {
    if (count > 0) launch_items(queue.stream, count, item);
  }
}

// row(i, group) for every i in [0, rows), in no order; `width`: elements of a row, from which the group's size follows.
template <class Row>
void for_rows(const Queue& queue, std::int64_t rows, std::int64_t width, const Row& row) {
  if (queue.log != nullptr) return queue.log->add_kernel(typeid(Row));
  if (queue.on_host) {
    for (std::int64_t i = 0; i < rows; ++i) row(i, HostGroup{});
    return;
  }
  if constexpr (kHasCuda) {
    if (rows > 0) launch_rows(queue.stream, rows, width, row);
  }
}

}  // namespace mp::runtime::gpu
