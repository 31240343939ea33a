// Runs a Program: one thread per device, each walking its own instruction list.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/device_threads.hpp"
#include "runtime/device_worker.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

struct DeviceMemoryUse {
  std::int64_t arena_bytes = 0;      // what the plan promised
  std::int64_t workspace_bytes = 0;  // scratch of kernels and staging of inputs, apart from the arena
};

// Called in the device's thread, so that what a backend ties to a thread (an OpenMP team, a CUDA context) is tied to
// the right one.
using BackendFactory = std::function<std::unique_ptr<Backend>(DeviceId)>;

// Guarantees: every step sees the parameters the step before has written. Losses, parameters and gradients are the
// same bits for every placement and schedule of the same model with the same microbatches and seed. After the first
// step nothing is allocated in a step. When a device fails, every thread ends, run_step throws one RunError that names
// device, node and cause, and the executor can only be destroyed.
class Executor {
 public:
  // Throws RunError where a device cannot give the memory or has no kernel for a node.
  Executor(Program program, const BackendFactory& make_backend);

  void initialise_parameters(std::uint64_t seed);
  // Runs one step and returns its loss: the microbatches' losses combined in their order, in double.
  double run_step(const StepContext& context, const DataSource& data);

  // Parameters (and state) by tensor, in the tensor's element type; the span has exactly its size. Where replicas keep
  // one each, the leader's is read, and all are written.
  void read(TensorId parameter, std::span<std::byte> values);
  void write(TensorId parameter, std::span<const std::byte> values);

  // From now on each step records when every instruction ran: times(d) stands beside devices[d].instructions.
  void record_times();
  [[nodiscard]] const std::vector<InstructionTime>& times(DeviceId device) const { return times_[device]; }

  // From now on each step hands the tensors of TrainingGraph::fetched to `observer`; an empty one turns it off.
  void hand_fetched_to(TensorObserver observer);

  // From now on every float32 value a node makes is looked at: the first NaN or infinity ends the step with a RunError
  // that names device, node, tensor and element. Values are copied to the host: slow.
  void detect_anomalies();

  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] std::string_view backend_name(DeviceId device) const { return backends_[index(device)]->name(); }
  [[nodiscard]] const std::vector<DeviceMemoryUse>& memory() const { return memory_; }

 private:
  struct Place {
    DeviceId device = kNone<DeviceId>;
    BufferId buffer = kNone<BufferId>;
  };
  [[nodiscard]] std::vector<Place> places_of(TensorId parameter) const;
  [[nodiscard]] double combined_loss() const;

  Program program_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::unique_ptr<Transport> transport_;
  std::vector<std::unique_ptr<DeviceWorker>> workers_;
  std::vector<float> microbatch_losses_;
  IdVector<DeviceId, std::vector<InstructionTime>> times_;
  std::vector<DeviceMemoryUse> memory_;
  TensorObserver observer_;
  DeviceThreads threads_;  // last: its threads use all of the above
};

}  // namespace mp::runtime
