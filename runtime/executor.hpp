// Runs a Program: one thread per device, each walking its own instruction list; on one process or on several ranks.
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
#include "runtime/ranks/rank_group.hpp"
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
//
// With `ranks`, every rank makes an executor of the same program and runs its share of the devices. Everything below
// is then to be called on all ranks alike, has the same results there, and throws Aborted when another rank has failed.
class Executor {
 public:
  // Throws RunError where a device cannot give the memory or has no kernel for a node. Parameters that one of `lenders`
  // has on the same device are used where they are: executors of the same devices and ranks, which outlive this one and
  // never run at the same time.
  Executor(Program program, const BackendFactory& make_backend, RankGroup* ranks = nullptr,
           const std::vector<const Executor*>& lenders = {});
  ~Executor();

  void initialise_parameters(std::uint64_t seed);
  // Runs one step and returns its loss: the microbatches' losses combined in their order, in double.
  double run_step(const StepContext& context, const DataSource& data);

  // Of all gradients of the last step together, before they were clipped; none where nothing clips.
  [[nodiscard]] std::optional<double> gradient_norm() const;

  // Parameters (and state) by tensor, in the tensor's element type; the span has exactly its size. Where replicas keep
  // one each, the leader's is read, and all are written: of ranks, the values that rank 0 gives (the others' are not
  // looked at and may be empty).
  void read(TensorId parameter, std::span<std::byte> values);
  void write(TensorId parameter, std::span<const std::byte> values);
  // Reads on rank 0 alone; the others take part with an empty span.
  void read_on_first(TensorId parameter, std::span<std::byte> values);
  // Writes what each rank gives, which must be the same.
  void write_alike(TensorId parameter, std::span<const std::byte> values);

  // Null: this process is all there is.
  [[nodiscard]] RankGroup* ranks() const { return ranks_; }
  // Whether results are this process's to write: rank 0, or the only one.
  [[nodiscard]] bool is_first() const { return ranks_ == nullptr || ranks_->is_first(); }

  // For whoever watches, from any thread: the devices of this process, where one of them is, and the end of all waits for
  // messages (with Aborted).
  [[nodiscard]] DeviceShare share() const { return share_; }
  [[nodiscard]] DevicePlace place(DeviceId device) const { return workers_[index(device)]->place(); }
  [[nodiscard]] bool waits_in_calls() const { return transport_->waits_in_calls(); }
  void abort() { transport_->abort(); }

  // From now on each step records when every instruction ran: times(d) stands beside devices[d].instructions.
  void record_times();
  [[nodiscard]] const std::vector<InstructionTime>& times(DeviceId device) const { return times_[device]; }
  // Brings the times of the last step from all ranks to rank 0, in terms of its clock.
  void gather_times();

  // From now on each step hands the tensors of TrainingGraph::fetched to `observer`; an empty one turns it off. Of ranks,
  // the observers of all of them get all tensors, at the end of the step.
  void hand_fetched_to(TensorObserver observer);

  // From now on every float32 value a node makes is looked at: the first NaN or infinity ends the step with a RunError
  // that names device, node, tensor and element. Values are copied to the host: slow.
  void detect_anomalies();

  [[nodiscard]] const Program& program() const { return program_; }
  // Of a device of another rank: that of an own one.
  [[nodiscard]] std::string_view backend_name(DeviceId device) const;
  [[nodiscard]] const std::vector<DeviceMemoryUse>& memory() const { return memory_; }  // of all devices

 private:
  struct Place {
    DeviceId device = kNone<DeviceId>;
    BufferId buffer = kNone<BufferId>;
  };
  struct Fetched {
    TensorId tensor = kNone<TensorId>;
    std::int32_t microbatch = -1;
    int rank = 0;                   // whose device has it
    std::vector<std::byte> values;  // no room where nobody observes
  };
  [[nodiscard]] std::vector<Place> places_of(TensorId parameter) const;
  [[nodiscard]] double combined_loss() const;
  // task(device) in the threads of the own devices.
  void on_devices(const std::function<void(std::size_t)>& task);
  void make_transport();
  void read_here(const Place& place, std::span<std::byte> values);
  // Of ranks: who has which result of a step, and handing them to all.
  void find_results();
  void share_results();
  void share_losses();
  void keep_fetched();
  void share_fetched();
  void share_memory_use();

  Program program_;
  RankGroup* ranks_;
  DeviceShare share_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::unique_ptr<Transport> transport_;
  std::vector<std::unique_ptr<DeviceWorker>> workers_;
  std::vector<float> microbatch_losses_;
  std::vector<int> loss_ranks_;       // by microbatch: who has its loss
  std::vector<float> foreign_losses_;  // room for those of another rank
  float gradient_norm_ = 0.0F;
  int norm_rank_ = 0;                 // who has it
  IdVector<DeviceId, std::vector<InstructionTime>> times_;
  std::vector<DeviceMemoryUse> memory_;
  TensorObserver observer_;
  std::vector<Fetched> fetched_;  // of ranks, in the same order on all
  TensorObserver keeper_;         // puts what an own device has fetched there
  DeviceThreads threads_;  // last: its threads use all of the above
};

}  // namespace mp::runtime
