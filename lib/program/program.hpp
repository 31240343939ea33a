// The Program: one list of instructions per device, every buffer placed. Simulator and executor both read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

enum class Opcode : std::uint8_t {
  kFeed,        // outputs[0] ← the microbatch's slice of an input tensor
  kCompute,     // run `node` on the microbatch (or once a step: microbatch −1)
  kCopy,        // outputs[0] ← inputs[0]
  kAccumulate,  // outputs[0] += inputs[0]: a microbatch's gradient into the step's, or the sum of as many as there are
                // replicas, from that one on; −1: a replica's sum into the whole
  kSend,        // start `message` from inputs, which stay untouched until the kWaitSend of the same message
  kWaitSend,    // wait until `message` has left its buffer
  kReceive,     // wait for `message`, into outputs
  kFetchLoss,  // hand inputs[0] to the caller: the loss of the microbatch, a tensor of TrainingGraph::fetched, the norm
  kStartCollective,   // begin this device's part of `collective`: inputs are what it gives, outputs what it gets
  kFinishCollective,  // wait until its part is done; inputs and outputs are as above and untouched until then
};

struct Instruction {
  Opcode opcode = Opcode::kCompute;
  NodeId node = kNone<NodeId>;        // kCompute
  TensorId tensor = kNone<TensorId>;  // all others
  std::int32_t microbatch = -1;       // −1: once a step
  std::int32_t message = -1;          // kSend, kWaitSend, kReceive: position in Program::messages
  std::int32_t collective = -1;       // kStartCollective, kFinishCollective: position in Program::collectives
  std::vector<BufferId> inputs = {};  // kCompute: beside the node's inputs, kNone where absent; kSend: the parts
  std::vector<BufferId> outputs =
      {};  // kCompute: beside the node's outputs, kNone where not wanted; kReceive: the parts
  friend bool operator==(const Instruction&, const Instruction&) = default;
};

enum class BufferRole : std::uint8_t {
  kParameter,   // kept between steps: trained, model state, optimizer state
  kGradient,    // accumulator, kept within a step
  kActivation,  // everything a node makes or a device receives or is fed
  kWhole,       // a tensor of TrainingGraph::shares over its shares' buffers: no memory of its own
};

// Size and place in the device's arena. Views of a tensor share its buffer.
struct Buffer {
  TensorId tensor = kNone<TensorId>;
  std::int32_t microbatch = -1;
  BufferRole role = BufferRole::kActivation;
  std::int64_t offset_bytes = 0;  // multiple of kBufferAlignment
  std::int64_t size_bytes = 0;
  BufferId first_share = kNone<BufferId>;  // kWhole: of as many as the tensor has shares, one after another
  friend bool operator==(const Buffer&, const Buffer&) = default;
};
inline constexpr std::int64_t kBufferAlignment = 64;

// What a buffer takes up in an arena: an empty tensor, too, has an address of its own.
[[nodiscard]] constexpr std::int64_t aligned_bytes(std::int64_t size_bytes) {
  return (size_bytes > 0 ? size_bytes + kBufferAlignment - 1 : kBufferAlignment) / kBufferAlignment * kBufferAlignment;
}

struct DeviceProgram {
  IdVector<BufferId, Buffer> buffers;
  std::vector<Instruction> instructions;
  std::int64_t arena_bytes = 0;
  std::int64_t persistent_bytes = 0;  // the parameters' share: offsets below this are kept between steps
  friend bool operator==(const DeviceProgram&, const DeviceProgram&) = default;
};

// One transfer of one tensor of one microbatch (−1: once a step), or of a bucket of them. A bucket's tensors lie side
// by side at both ends, each aligned_bytes() behind the one before it: one transfer of `size_bytes` from the first
// address.
struct Message {
  TensorId tensor = kNone<TensorId>;
  std::int32_t microbatch = -1;
  DeviceId from = kNone<DeviceId>;
  DeviceId to = kNone<DeviceId>;
  std::int64_t size_bytes = 0;        // all parts, with the gaps between them
  std::vector<TensorId> others = {};  // of a bucket: its further tensors, in order
  friend bool operator==(const Message&, const Message&) = default;
};

enum class CollectiveKind : std::uint8_t {
  kAllReduce,      // the members' gradients are added, and each gets the sum
  kReduce,         // the root gets it
  kBroadcast,      // the root's values go to all
  kReduceScatter,  // the root of each piece gets its sum
  kAllGather,      // the values of each piece's root go to all
};

// Tensors of a collective, one after another, that have one root. At each end they lie side by side as those of a
// message do.
struct CollectivePiece {
  DeviceId root = kNone<DeviceId>;  // one of the members
  std::int32_t tensors = 0;
  std::int64_t size_bytes = 0;  // of its tensors, with the gaps between them
  friend bool operator==(const CollectivePiece&, const CollectivePiece&) = default;
};

// What the members of a group do together: once a step, or to add up the gradients of one microbatch of each. Programs
// have them where CompileOptions::collectives says so, or where with_collectives() (lib/program/collectives.hpp) has
// put them in the place of messages.
struct Collective {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  std::vector<TensorId> tensors = {};
  std::vector<DeviceId> members = {};        // in the order of the group
  DeviceId root = kNone<DeviceId>;           // kReduce, kBroadcast: one of the members
  std::int64_t size_bytes = 0;               // of all tensors, with the gaps between those that lie side by side
  std::int32_t microbatch = -1;              // of sums of microbatches: the first member's, whom the others follow
  std::vector<CollectivePiece> pieces = {};  // kReduceScatter, kAllGather; see pieces_of()
  friend bool operator==(const Collective&, const Collective&) = default;
};

// Guarantees (check_program proves them): each buffer is written before it is read and not reused while needed; each
// message is sent once, received once, waited for once, and the messages from one device to another are received in
// the order they were sent; `order` is a sequence of all instructions that respects every dependency (a kReceive
// follows its kSend, a kWaitSend follows its kReceive), so that devices which each follow their own list can never wait
// for each other in a circle, even where nothing holds a message between the buffers of its two ends. A
// kFinishCollective follows the kStartCollective of every member, and members start what they share in the same order.
// A parameter lives on the device of its home; other devices that read it receive a copy at the start of each step.
// The gradient of microbatch 0 is written into its accumulator, those of the others are added in microbatch order.
struct Program {
  struct Step {
    DeviceId device = kNone<DeviceId>;
    std::int32_t instruction = 0;
    friend bool operator==(const Step&, const Step&) = default;
  };
  TrainingGraph training;  // of one microbatch
  Placement placement;     // of the forward nodes
  Schedule schedule = Schedule::k1f1b;
  std::int32_t microbatches = 1;
  std::vector<ReplicaGroup> replicas;  // whose leaders `placement` names
  std::int32_t zero = 0;
  IdVector<DeviceId, DeviceProgram> devices;
  std::vector<Message> messages;
  std::vector<Step> order;
  std::vector<Collective> collectives = {};
};

struct CompileOptions {
  Schedule schedule = Schedule::k1f1b;
  std::int32_t alive_limit = 0;  // as Plan::alive_limit
  std::int32_t devices = 1;
  const Cluster* cluster = nullptr;                 // whose speeds order the passes; null: uniform_cluster(devices)
  std::vector<ReplicaGroup> replicas = {};          // as Plan::replicas
  std::int32_t zero = 0;                            // as Plan::zero
  std::int64_t bucket_bytes = kDefaultBucketBytes;  // as Plan::bucket_bytes
  // For transports that have collectives of their own: replicas in step exchange by them what ZeRO 1 to 3 would send
  // in messages; what is left, with_collectives() looks through.
  bool collectives = false;
};

// Compiles a placement into a Program: groups each device's nodes into segments so that the graph of segments is
// acyclic whatever the placement, list-schedules (segment × pass × microbatch) under the policy, adds feeds, sends and
// receives in one global order, then gives every buffer its offset (lib/program/memory.hpp). The number of
// microbatches is the training graph's. Throws InputError (source "<graph>", place: the node's name) for a state that
// one node updates in every microbatch and another node uses, too.
[[nodiscard]] Program compile(TrainingGraph training, Placement placement, const CompileOptions& options);

// One line an instruction ("F fc1 mb0", "SEND fc1 mb0 -> device 1"): the text tables of tests and --dump-program.
[[nodiscard]] std::string to_text(const Program& program, DeviceId device);

// Independent proof of the guarantees above; returns what is broken (empty: nothing).
[[nodiscard]] std::vector<std::string> check_program(const Program& program);

}  // namespace mp
