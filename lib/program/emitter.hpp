// The state of emit(): what has been emitted, and where every value is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/route.hpp"
#include "lib/program/buckets.hpp"
#include "lib/program/emit.hpp"
#include "lib/program/in_step.hpp"
#include "lib/program/instruction_times.hpp"
#include "lib/program/ownership.hpp"
#include "lib/program/parameter_fetches.hpp"
#include "lib/program/residences.hpp"

namespace mp {

inline constexpr std::int32_t kOnceAStep = -1;

// A residence stands for all members of its device's group. It has a slot for each microbatch, on the device of that
// microbatch, or one for each member where it is there once a step. Sums over all members, and what updates make of
// them, have slots by device.
class Emitter {
 public:
  Emitter(const TrainingGraph& training, const Placement& placement, const EmitOptions& options);

  // With replicas, before anything else: what goes in one message.
  void make_buckets(const std::vector<NodeRun>& runs);
  void plan_fetches(const std::vector<NodeRun>& runs);
  void send_parameters();
  // Passes: a node on a microbatch.
  void run(NodeId n, std::int32_t microbatch);
  // Before the run at this place of plan_fetches' `runs`: the parameters that its device fetches next set out.
  void open_window(std::size_t run, DeviceId device);
  // Adds the sums of the members that have had the time to arrive at `device`, and updates what they are the gradients
  // of where all passes have read it and others wait for the new value.
  void reduce_arrived(DeviceId device);
  // The device does nothing before that, in picoseconds.
  void idle_until(DeviceId device, std::int64_t time) { clock_[device] = std::max(clock_[device], time); }
  void update();
  [[nodiscard]] Emission finish() &&;

  [[nodiscard]] DeviceId device(NodeId n, std::int32_t microbatch) const {
    return options_.replication.device(leader_of_[n], microbatch);
  }

 private:
  using Slot = std::size_t;
  struct Part {  // of a message
    TensorId tensor = kNone<TensorId>;
    BufferId from = kNone<BufferId>;
    Slot slot = 0;                    // where what has arrived is found
    BufferId into = kNone<BufferId>;  // kNone: a buffer made for it
  };
  struct Leaving {  // a message that is received further down, or has just been
    std::int32_t message = -1;
    std::int64_t gone = 0;
    std::int32_t turn = 0;  // of its link: microbatches that have come by
  };
  struct Reduction {
    BucketId bucket = kNone<BucketId>;  // kNone: a device's oldest collective
    std::int64_t arrived = 0;
  };
  struct HandedIn {  // a microbatch's gradients of a bucket
    std::size_t made = 0;
    std::int64_t arrived = -1;  // at the reducer; −1: not all made
    std::int32_t message = -1;  // −1: the reducer's own
  };
  struct BucketState {
    std::vector<std::size_t> done;  // by member: gradients summed over its microbatches
    std::int32_t members_done = 0;
    std::int64_t arrived = 0;  // the latest so far
    // Where gradients are sharded, by microbatch; and how many microbatches the reducer has added.
    std::vector<HandedIn> handed_in = {};
    std::int32_t added = 0;
    std::vector<std::int32_t> reductions = {};  // collectives, by the turn of the members' microbatches
  };
  struct Exchange {  // of a collective
    std::size_t started = 0;
    std::int64_t done = 0;  // once all have started
  };
  struct WholeCopies {  // of parameters that have shares, on a device that fetches these
    std::map<TensorId, BufferId> wholes = {};
    std::map<TensorId, BufferId> of_share = {};
  };
  struct CollectivePart {  // a member's
    std::int32_t collective = -1;
    std::int32_t microbatch = kOnceAStep;
    BucketId bucket = kNone<BucketId>;  // of gradients
    std::vector<BufferId> inputs = {};
    std::vector<BufferId> outputs = {};
    WholeCopies whole_copies = {};
  };
  struct Gathering {  // of a group
    std::vector<FetchWindow> windows = {};
    std::vector<std::int32_t> opens = {};  // by run of a member: the window that it begins; −1: none
    std::size_t started = 0;               // windows
  };
  struct Gathered {  // by a device
    std::size_t runs = 0;
    std::deque<CollectivePart> under_way = {};  // windows that are started and not opened
    std::map<TensorId, BufferId> copies = {};   // the latest opened
  };
  struct OrderedWindow {
    std::vector<std::pair<TensorId, Slot>> copies = {};
    WholeCopies whole_copies = {};
  };
  struct Fetching {                       // of a device
    std::size_t opened = 0;               // windows
    std::deque<OrderedWindow> ordered;    // not opened yet
    std::map<TensorId, Slot> copies;      // the latest opened
    std::map<TensorId, BufferId> wholes;  // likewise
    std::int64_t ahead_bytes = 0;
  };

  // emit.cpp: slots and buffers
  [[nodiscard]] Slot slot(ResidenceId r, std::int32_t microbatch) const;
  [[nodiscard]] Slot member_slot(ResidenceId r, std::int32_t position) const;
  [[nodiscard]] BufferId& buffer(ResidenceId r, std::int32_t microbatch);
  BufferId make_buffer(DeviceId device, TensorId tensor, std::int32_t microbatch, BufferRole role);
  BufferId make_buffer(ResidenceId r, std::int32_t microbatch);
  void push(DeviceId device, Instruction instruction);
  void use(DeviceId device, BufferId buffer, std::int32_t position);
  void copy(DeviceId device, TensorId tensor, std::int32_t microbatch, BufferId from, BufferId to);
  // Messages
  void post(Message message, const std::vector<Part>& parts);
  [[nodiscard]] Slot new_slot();
  void leave(std::int32_t message);
  void keep_what_leaves(DeviceId device);
  void advance_clock(DeviceId device, const Instruction& instruction);
  [[nodiscard]] std::int64_t arrival_of(const Message& message);
  void receive_up_to(std::int32_t message);
  void receive(std::int32_t message);
  void send(ResidenceId from, std::int32_t microbatch);
  // Passes
  void fetch(ResidenceId r, std::int32_t microbatch);
  void count_reads(NodeId n, std::int64_t times);
  void compute(NodeId n, std::int32_t microbatch);
  [[nodiscard]] BufferId output(NodeId n, TensorId t, std::int32_t microbatch);
  void settle_in_place(const Node& node, DeviceId device, Instruction& instruction);
  void publish(NodeId n, TensorId t, std::int32_t microbatch);
  void hand_over(NodeId n, TensorId t, std::int32_t microbatch);
  void copy_state(ResidenceId r, std::int32_t microbatch);
  void accumulate(ResidenceId r, std::int32_t microbatch);

  // emit_shares.cpp: tensors that are nothing but shares of several owners
  [[nodiscard]] bool is_share(TensorId t) const;
  [[nodiscard]] TensorId whole_of(TensorId t) const;
  [[nodiscard]] bool cuts_up(NodeId n) const;
  BufferId make_whole(DeviceId device, TensorId whole, std::int32_t microbatch, const Bundle& shares);
  void make_kept_wholes();
  [[nodiscard]] BufferId output_in_shares(TensorId whole, DeviceId leader, std::int32_t microbatch);
  [[nodiscard]] WholeCopies room_for_wholes(const std::vector<TensorId>& parameters, DeviceId device);
  void add_own_shares(const WholeCopies& copies, DeviceId device);

  // emit_fetches.cpp: parameters of ZeRO 3
  [[nodiscard]] bool is_fetched(const Residence& root, DeviceId device) const;
  [[nodiscard]] std::vector<TensorId> parameters_read(NodeId n) const;
  [[nodiscard]] std::vector<FetchedReads> fetched_reads(const std::vector<NodeRun>& runs) const;
  void keep_side_by_side(TensorId parameter, IdVector<DeviceId, Bundle>& kept);
  [[nodiscard]] BufferId kept_by_owner(TensorId parameter) const;
  void order_ahead(DeviceId device);
  void order(const FetchWindow& window, DeviceId device);
  [[nodiscard]] BufferId fetched_copy(TensorId parameter, DeviceId device);

  // emit_gathers.cpp: the same by collectives
  [[nodiscard]] bool is_gathered(TensorId parameter, DeviceId reader) const;
  void plan_gathers(const std::vector<NodeRun>& runs, IdVector<DeviceId, Bundle>& kept);
  void gather_next(DeviceId leader);
  void open_gathered(DeviceId device);

  // emit_exchanges.cpp: collectives, and gradients of ZeRO 2 and 3 by them
  void add_tensor(Collective& collective, TensorId tensor, DeviceId root, bool begins_piece) const;
  std::int32_t add_collective(Collective collective);
  void start_part(DeviceId device, const CollectivePart& part);
  [[nodiscard]] bool is_started_by_all(const CollectivePart& part) const;
  void finish_part(DeviceId device, const CollectivePart& part);
  void start_reduction(BucketId bucket, std::int32_t microbatch);
  [[nodiscard]] std::int32_t new_reduction(const Bucket& bucket, std::int32_t first_microbatch);
  void limit_reductions_under_way(const Bucket& bucket, DeviceId here);
  void finish_arrived_reductions(DeviceId device);
  void finish_oldest_reduction(DeviceId device);
  void start_reduction_of_sums(BucketId bucket, DeviceId here);
  void hand_over_sums(BucketId bucket, DeviceId device);
  [[nodiscard]] bool are_exchanged(std::size_t new_values) const;
  void exchange_new_values(BucketId bucket);

  // emit_shards.cpp: gradients of ZeRO 2 and 3
  [[nodiscard]] bool shards_gradients(DeviceId leader) const {
    return options_.zero >= 2 && options_.replication.size(leader) > 1;
  }
  [[nodiscard]] BufferId accumulator(TensorId gradient, DeviceId reducer);
  [[nodiscard]] BufferId output_of_shard(ResidenceId r, std::int32_t microbatch);
  void hand_in(TensorId gradient, std::int32_t microbatch);
  void send_shard(const Bucket& bucket, DeviceId here, std::int32_t microbatch);
  [[nodiscard]] std::int64_t most_under_way(const Bucket& bucket) const;
  void limit_shards_under_way(const Bucket& bucket, DeviceId here);
  void add_arrived_shards(DeviceId device);
  void add_next_shard(BucketId bucket);
  void finish_shard(const Bucket& bucket);

  // emit_updates.cpp: sums over replicas, and updates
  [[nodiscard]] Slot whole_slot(TensorId t, DeviceId device);
  void finish_sum(ResidenceId sum, std::int32_t microbatch);
  void send_sums(BucketId bucket, DeviceId here);
  void reduce(BucketId bucket);
  void add_members(TensorId gradient, const Bucket& bucket);
  [[nodiscard]] BufferId sum_of_member(ResidenceId sum, std::int32_t position, DeviceId reducer);
  void publish_wholes(const std::vector<TensorId>& wholes, DeviceId device);
  [[nodiscard]] BufferId whole(TensorId t, DeviceId device);
  [[nodiscard]] BufferId operand_of_update(TensorId t, DeviceId device);
  void queue_updates(TensorId read, DeviceId device);
  [[nodiscard]] bool has_operands(NodeId update, DeviceId device) const;
  void update_what_is_ready(DeviceId device, std::int64_t fill_until);
  void update_first(NodeId n);
  void reduce_left();
  [[nodiscard]] std::vector<std::pair<Reduction, DeviceId>> reductions_left();
  void run_update(NodeId n, DeviceId device);
  void send_new_values(NodeId n);
  void receive_new_values();
  void bundle_what_travels_together();
  void bundle_accumulators(const Bucket& bucket);

  const TrainingGraph& training_;
  const Graph& graph_;
  const EmitOptions& options_;
  IdVector<NodeId, DeviceId> leader_of_;
  Residences residences_;
  Ownership ownership_;
  IdVector<ResidenceId, Slot> slots_of_;              // first slot of a residence in the two tables below
  std::vector<BufferId> buffers_;                     // kNone: not there yet
  std::vector<std::int32_t> incoming_;                // message on its way; −1: none yet
  std::vector<Part> parts_;                           // of messages, one after another
  std::vector<std::size_t> first_part_;               // of messages
  std::vector<std::int64_t> arrived_;                 // of messages: when they are there, as far as the links tell
  IdVector<DeviceId, std::vector<Leaving>> leaving_;  // of senders
  std::map<std::pair<DeviceId, DeviceId>, Leaving> latest_to_leave_;  // by link
  std::map<std::pair<DeviceId, DeviceId>, std::deque<std::int32_t>> in_flight_;
  InstructionTimes times_;
  IdVector<DeviceId, std::int64_t> clock_;  // when the device has done what is emitted, in picoseconds
  std::map<std::pair<DeviceId, DeviceId>, std::int64_t> link_free_;  // when what was posted so far has arrived
  FetchPlan fetch_plan_;
  IdVector<DeviceId, Fetching> fetching_;
  IdVector<TensorId, std::int32_t> fetch_order_;  // of parameters that others fetch: place among those of their owner
  std::map<std::pair<TensorId, DeviceId>, Slot> whole_slots_;
  std::map<std::pair<TensorId, std::int32_t>, Slot> sum_slots_;  // of a member's sum at the reducer
  Buckets buckets_;
  IdVector<BucketId, BucketState> bucket_states_;
  std::vector<std::size_t> values_made_;  // beside buckets_.new_values
  IdVector<DeviceId, std::vector<Reduction>> to_reduce_;
  IdVector<DeviceId, std::vector<BucketId>> to_add_;               // sharded gradients that the reducer can add next
  IdVector<DeviceId, std::deque<std::int32_t>> shards_under_way_;  // messages, by sender
  IdVector<DeviceId, std::int64_t> gradient_bytes_;                // of a group in buckets, by leader
  IdVector<TensorId, BufferId> accumulators_;                      // at the reducer, where gradients are sharded
  IdVector<TensorId, std::int64_t> reads_left_;                    // of parameters, by passes, over all microbatches
  IdVector<DeviceId, std::vector<NodeId>> to_update_;              // updates that read a sum which is there
  IdVector<NodeId, bool> is_updated_;
  std::multimap<NodeId, TensorId> handed_over_after_;  // loss and fetched tensors, by the node that has them at hand
  std::vector<NodeId> updated_;                        // in the order of their first runs
  std::vector<std::int32_t> new_values_;               // messages
  Routes routes_;
  IdVector<DeviceId, bool> in_step_;                             // by leader: groups that exchange by collectives
  std::vector<Exchange> exchanges_;                              // beside the collectives
  std::map<std::pair<bool, DeviceId>, std::int64_t> ring_free_;  // sums or not, leader
  IdVector<DeviceId, std::deque<CollectivePart>> reductions_under_way_;  // by member
  IdVector<DeviceId, std::vector<CollectivePart>> new_values_under_way_;  // by member
  IdVector<DeviceId, Gathering> gathers_;                                // by leader
  IdVector<DeviceId, Gathered> gathered_;
  Emission out_;
};

}  // namespace mp
