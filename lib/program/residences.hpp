// Which tensors a device holds, and which of them share one buffer.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// A tensor on a device. An accumulated gradient is there twice: what each microbatch makes, and the sum over them.
enum class ResidenceId : std::int32_t {};

struct Residence {
  enum class Origin : std::uint8_t { kParameter, kFed, kMade, kReceived };
  TensorId tensor = kNone<TensorId>;
  DeviceId device = kNone<DeviceId>;
  bool is_sum = false;
  Origin origin = Origin::kMade;
  bool once_a_step = false;                    // one buffer a step, else one a microbatch
  ResidenceId buffer_of = kNone<ResidenceId>;  // whose buffer it shares; itself where it has its own
  ResidenceId next = kNone<ResidenceId>;       // the tensor's next residence, in order of first use
  bool copied_from_state = false;              // a readable copy of a state that its node updates in place
};

// All residences that the passes of a training graph need under a placement (updates have no microbatches and find
// their operands elsewhere). A view shares the buffer of its input on its device; a
// parameter updated in place shares the parameter's, except where somebody reads the new value of a state within the
// microbatch: the next microbatch would overwrite it, so it is copied.
class Residences {
 public:
  Residences(const TrainingGraph& training, const Placement& placement, const IdVector<NodeId, DeviceId>& device_of);

  [[nodiscard]] const Residence& operator[](ResidenceId id) const { return residences_[id]; }
  [[nodiscard]] const IdVector<ResidenceId, Residence>& all() const { return residences_; }
  // The residence `reader` reads its input `tensor` from.
  [[nodiscard]] ResidenceId read_by(NodeId reader, TensorId tensor) const { return value(tensor, device_of_[reader]); }
  [[nodiscard]] ResidenceId value(TensorId tensor, DeviceId device) const { return find(tensor, device, false); }
  [[nodiscard]] ResidenceId sum(TensorId tensor, DeviceId device) const { return find(tensor, device, true); }
  [[nodiscard]] ResidenceId first(TensorId tensor) const { return first_[tensor]; }
  [[nodiscard]] bool is_accumulated(TensorId tensor) const { return accumulated_[tensor]; }

 private:
  [[nodiscard]] ResidenceId find(TensorId tensor, DeviceId device, bool is_sum) const;
  ResidenceId add(Residence residence);
  void add_parameters(const Placement& placement);
  void add_reads(NodeId node);
  void add_outputs(NodeId node);
  [[nodiscard]] Residence made_by(NodeId node, std::size_t position) const;
  [[nodiscard]] bool read_by_updates_alone(TensorId tensor) const;

  const TrainingGraph& training_;
  const IdVector<NodeId, DeviceId>& device_of_;
  IdVector<ResidenceId, Residence> residences_;
  IdVector<TensorId, ResidenceId> first_;
  IdVector<TensorId, ResidenceId> last_;
  IdVector<TensorId, bool> accumulated_;
};

}  // namespace mp
