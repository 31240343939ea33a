// One device's part of a Program, made ready to run: arena allocated, kernels made, addresses resolved.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/fusion.hpp"
#include "runtime/stall/device_progress.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

// What one step is: shared by all devices.
struct StepRequest {
  StepContext context;                 // `microbatch` aside
  const DataSource* data = nullptr;    // for kFeed
  std::span<float> microbatch_losses;  // kFetchLoss writes its microbatch's
  float* gradient_norm = nullptr;      // or this
};

// When an instruction ran, since the clock's epoch.
struct InstructionTime {
  std::chrono::steady_clock::time_point start;
  std::chrono::steady_clock::time_point end;
};

// Hears of TrainingGraph::fetched: the values of a tensor for one microbatch. Called in the thread of the device that
// has them, by several devices at once; the values are gone when it returns.
using TensorObserver = std::function<void(TensorId, std::int32_t microbatch, std::span<const std::byte> values)>;

// Everything is called from the device's own thread.
class DeviceWorker {
 public:
  // Allocates the arena (exactly arena_bytes) and makes every kernel once. Throws RunError naming device and node.
  // Parameters that are lent (runtime/lent_parameters.hpp) are where the first of `lenders` that has them keeps them.
  DeviceWorker(const Program& program, DeviceId device, Backend& backend, Transport& transport,
               std::span<const DeviceWorker* const> lenders = {});

  // Walks the instruction list once. Allocates nothing. Throws RunError naming device, node and cause.
  void run_step(const StepRequest& request);
  // With `times` (one per instruction of the list) run_step records when each ran; an empty span turns it off.
  void record_times(std::span<InstructionTime> times) { times_ = times; }

  // From now on run_step throws at the first NaN or infinity among the float32 outputs of a node.
  void detect_anomalies() { detects_anomalies_ = true; }

  // Outlives this; null turns it off.
  void hand_fetched_to(const TensorObserver* observer) { observer_ = observer; }

  // Gives every parameter that lives here its first value, from streams named after the tensors, drawn by the team.
  void initialise_parameters(std::uint64_t seed, Team& team);
  void read(BufferId buffer, std::span<std::byte> host) const;
  void write(BufferId buffer, std::span<const std::byte> host);

  // Where a parameter is; null: not here.
  [[nodiscard]] std::byte* parameter(std::string_view name) const;

  // From any thread.
  [[nodiscard]] DevicePlace place() const { return progress_.place(); }

  [[nodiscard]] std::int64_t workspace_bytes() const;  // of kernels and staging, beyond the arena

 private:
  struct Operation {
    Opcode opcode = Opcode::kCompute;
    std::int32_t microbatch = -1;
    std::int32_t message = -1;
    std::int32_t collective = -1;
    std::int32_t input = -1;             // kFeed: position in Graph::inputs()
    TensorId fetched = kNone<TensorId>;  // kFetchLoss: the tensor, where it is not the loss
    std::size_t fetched_at = 0;          // then: position in fetched_
    std::int64_t size_bytes = 0;         // kFeed, kCopy, kAccumulate, kFetchLoss
    std::size_t first_input = 0;         // position in inputs_
    std::size_t input_count = 0;
    std::size_t first_output = 0;  // position in outputs_
    std::size_t output_count = 0;
    Kernel* kernel = nullptr;  // kCompute
  };

  void resolve(const Instruction& instruction);
  void find_stretches();
  void run_one(std::size_t instruction, const StepRequest& request);
  // Instructions [first, end of its stretch), handed to the backend together.
  void run_stretch(std::size_t first, const StepRequest& request);
  [[nodiscard]] std::vector<FusionStep> fusion_steps() const;
  void execute_fused(std::size_t instruction, const StepRequest& request);
  void find_addresses(std::span<const DeviceWorker* const> lenders);
  void make_kernels();
  [[nodiscard]] std::byte* address(BufferId buffer) const;
  void execute(const Operation& operation, const StepRequest& request);
  void feed(const Operation& operation, const StepRequest& request);
  void fetch(const Operation& operation, const void* values, const StepRequest& request);
  void hand_over_fetched() const;
  [[nodiscard]] std::vector<float> floats_at(BufferId buffer, const TensorType& type);
  void look_for_anomaly(std::size_t instruction);
  [[noreturn]] void fail(std::size_t instruction, const StepRequest& request, std::string_view cause) const;

  const Program* program_;
  const DeviceProgram* own_;
  DeviceId device_;
  Backend* backend_;
  Transport* transport_;
  DeviceMemory arena_;
  IdVector<BufferId, std::byte*> addresses_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  // by NodeId; null: not this device's
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  std::vector<Operation> operations_;
  std::vector<std::size_t> stretch_ends_;  // by instruction: behind the last of those that the device runs by itself
  FusedProgram fused_;                     // within stretches
  std::vector<std::byte> staging_;         // the largest feed
  std::vector<std::byte> fetched_;         // all fetched tensors of a step
  const TensorObserver* observer_ = nullptr;
  std::span<InstructionTime> times_;
  bool detects_anomalies_ = false;
  mutable DeviceProgress progress_;
};

}  // namespace mp::runtime
