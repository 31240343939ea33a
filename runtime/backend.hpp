// What a device can do: memory, copies, kernels. One Backend object per plan device, used from that device's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {
struct Program;
}  // namespace mp

namespace mp::runtime {

class RankGroup;
class Transport;
struct Fusion;
struct FusionStep;

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
  // Not 0: every operand is so many float32, and element i of the outputs follows from element i of the inputs.
  [[nodiscard]] virtual std::int64_t elementwise_size() const { return 0; }
};

// A kernel of a chain that is fused, and how many operands it has.
struct FusedPart {
  Kernel* kernel = nullptr;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
};

// Memory of a device, released with it.
using DeviceMemory = std::shared_ptr<std::byte>;

// A point in the work of a device that runs behind its thread. None (null) where work is done when a call returns, as
// on the CPU.
class Mark {
 public:
  virtual ~Mark() = default;
};

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
  // A kernel that does what these, elementwise and of one size, do one after the other, with the same bits, but piece
  // by piece, so that what one writes the next finds in the cache. Its operands are theirs in a row. Null: this backend
  // would gain nothing. The parts must outlive it.
  [[nodiscard]] virtual std::unique_ptr<Kernel> fuse(std::span<const FusedPart> /*parts*/) { return nullptr; }
  // Other steps of a device's list that this backend does in one go (runtime/fusion.hpp). Never one step in two
  // fusions.
  [[nodiscard]] virtual std::vector<Fusion> find_fusions(std::span<const FusionStep> steps);
  virtual void copy_from_host(void* device, const void* host, std::int64_t size_bytes) = 0;  // returns when it is read
  virtual void copy_to_host(void* host, const void* device, std::int64_t size_bytes) = 0;  // there after synchronize()
  virtual void copy(void* to, const void* from, std::int64_t size_bytes) = 0;           // within the device
  virtual void accumulate(float* sum, const float* addend, std::int64_t elements) = 0;  // sum += addend
  // Waits for all work, and throws what has failed in it.
  virtual void synchronize() = 0;
  // Scratch that the kernels made so far share, in bytes.
  [[nodiscard]] virtual std::int64_t workspace_bytes() const { return 0; }

  // Order between devices without waiting: `mark` (of make_mark, null too) stands for all work put in up to now; work
  // put in later waits for the work that a mark, of this or another device, stood for when it was last recorded.
  [[nodiscard]] virtual std::unique_ptr<Mark> make_mark() { return nullptr; }
  virtual void record(Mark* /*mark*/) {}
  virtual void wait_for(Mark* /*mark*/) {}

  // How devices of this kind exchange what a Program says, `backends` being all of them in the order of the devices, null
  // where the device is another rank's. Asked of the first backend there is, with `ranks` on all of them alike. Here:
  // within a process each receiver copies (runtime/local); between ranks messages go through host memory.
  [[nodiscard]] virtual std::unique_ptr<Transport> make_transport(const Program& program,
                                                                  std::span<Backend* const> backends, RankGroup* ranks);

  // Calls put_in(), which puts in compute, copies and sums alone: the same in every step for the same `stretch`, but
  // for the context's step and learning rate. A backend may record it and replay the record instead.
  virtual void run_stretch(std::size_t /*stretch*/, const StepContext& /*context*/,
                           const std::function<void()>& put_in) {
    put_in();
  }
};

}  // namespace mp::runtime
