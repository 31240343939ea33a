// What a device can do: memory, copies, kernels. One Backend object per plan device, used from that device's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "lib/graph/graph.hpp"

namespace mp::runtime {

// What a kernel may depend on besides its operands.
struct StepContext {
  std::uint64_t seed = 0;
  std::int64_t step = 0;        // 0-based, counted over the whole training, across resumes
  std::int32_t microbatch = 0;  // −1 in once-a-step nodes
  double learning_rate = 0.0;
};

// A node made ready to run: primitives created, scratch sized. inputs and outputs stand beside the node's (nullptr:
// absent). The result is a pure function of operands and context: the same bits for the same call, on every device,
// whatever the number of devices in the process. Outputs never overlap inputs, except where the operator's in_place
// says so: then both are the same address.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) = 0;
  // Scratch beyond the arena that this kernel keeps for itself, in bytes (reported apart from the arena).
  [[nodiscard]] virtual std::int64_t workspace_bytes() const { return 0; }
};

// Memory of a device, released with it.
using DeviceMemory = std::shared_ptr<std::byte>;

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // "cpu", "cuda:0"
  // Zeroed, aligned to kBufferAlignment or better. Throws RunError when there is not enough.
  [[nodiscard]] virtual DeviceMemory allocate(std::int64_t size_bytes) = 0;
  // Before the kernels of a graph are made: what is decided for the graph as a whole, from it alone.
  virtual void prepare(const Graph& /*graph*/) {}
  // Of the graph prepared last. Throws RunError naming node and operator when this backend has no kernel for it.
  [[nodiscard]] virtual std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) = 0;
  virtual void copy_from_host(void* device, const void* host, std::int64_t size_bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, std::int64_t size_bytes) = 0;
  virtual void copy(void* to, const void* from, std::int64_t size_bytes) = 0;           // within the device
  virtual void accumulate(float* sum, const float* addend, std::int64_t elements) = 0;  // sum += addend
  virtual void synchronize() = 0;
  // Scratch that the kernels made so far share, in bytes.
  [[nodiscard]] virtual std::int64_t workspace_bytes() const { return 0; }
};

}  // namespace mp::runtime
