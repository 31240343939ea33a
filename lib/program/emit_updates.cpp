// Sums over the members of a group, and the updates once a step.
#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/emitter.hpp"

namespace mp {
namespace {

// Updates by the number of device changes on the way to them, then by id: those that wait for nobody come first.
std::vector<NodeId> updates_in_order(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& device) {
  const Graph& graph = training.graph;
  std::vector<std::pair<std::int32_t, NodeId>> order;
  IdVector<NodeId, std::int32_t> level(graph.nodes().size(), 0);
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (training.phase[n] != Phase::kUpdate) continue;
    for (const TensorId t : graph.node(n).inputs) {
      const NodeId from = t == kNone<TensorId> ? kNone<NodeId> : graph.tensor(t).producer;
      if (from != kNone<NodeId>) level[n] = std::max(level[n], level[from] + (device[from] == device[n] ? 0 : 1));
    }
    order.emplace_back(level[n], n);
  }
  std::sort(order.begin(), order.end());
  std::vector<NodeId> nodes;
  nodes.reserve(order.size());
  for (const auto& [unused, n] : order) nodes.push_back(n);
  return nodes;
}

}  // namespace

void Emitter::make_buckets(const std::vector<NodeRun>& runs) {
  if (options_.collectives && options_.zero >= 1) in_step_ = groups_in_step(runs, leader_of_, options_.replication);
  buckets_ = mp::make_buckets(training_, leader_of_, runs,
                              {.replication = options_.replication,
                               .ownership = ownership_,
                               .cluster = options_.cluster,
                               .most_bytes = options_.bucket_bytes,
                               .are_shards = options_.zero >= 2,
                               .exchanges = in_step_});
  for (const Bucket& bucket : buckets_.buckets) {
    const auto members = static_cast<std::size_t>(options_.replication.size(bucket.leader));
    BucketState& state = bucket_states_[bucket_states_.push_back({.done = std::vector<std::size_t>(members, 0)})];
    if (options_.zero >= 2) state.handed_in.resize(static_cast<std::size_t>(training_.microbatches));
    gradient_bytes_[bucket.leader] += bucket.size_bytes;
  }
  values_made_.assign(buckets_.new_values.size(), 0);
}

Emitter::Slot Emitter::whole_slot(TensorId t, DeviceId device) {
  const auto [at, is_new] = whole_slots_.try_emplace({t, device}, Slot{0});
  if (is_new) at->second = new_slot();
  return at->second;
}

void Emitter::finish_sum(ResidenceId sum, std::int32_t microbatch) {
  const TensorId t = residences_[sum].tensor;
  const DeviceId leader = residences_[sum].device;
  const DeviceId here = options_.replication.device(leader, microbatch);
  if (options_.replication.size(leader) == 1) {
    buffers_[whole_slot(t, here)] = buffer(sum, microbatch);
    return publish_wholes({t}, here);
  }
  const BucketId bucket = buckets_.of_gradient[t];
  const auto position = static_cast<std::size_t>(options_.replication.position(here));
  if (++bucket_states_[bucket].done[position] == buckets_.buckets[bucket].gradients.size()) send_sums(bucket, here);
}

// All gradients of the bucket are summed over the microbatches of this member.
void Emitter::send_sums(BucketId b, DeviceId here) {
  const Bucket& bucket = buckets_.buckets[b];
  BucketState& state = bucket_states_[b];
  if (bucket.is_exchanged()) return start_reduction_of_sums(b, here);
  if (here == bucket.reducer) {
    state.arrived = std::max(state.arrived, clock_[here]);
  } else {
    const std::int32_t position = options_.replication.position(here);
    std::vector<Part> parts;
    for (const TensorId t : bucket.gradients) {
      const Slot into = new_slot();
      sum_slots_[{t, position}] = into;
      parts.push_back({t, buffers_[member_slot(residences_.sum(t, bucket.leader), position)], into});
    }
    post({.from = here, .to = bucket.reducer}, parts);
    state.arrived = std::max(state.arrived, arrived_.back());
  }
  if (++state.members_done == options_.replication.size(bucket.leader)) {
    to_reduce_[bucket.reducer].push_back({b, state.arrived});
  }
}

void Emitter::reduce_arrived(DeviceId device) {
  std::vector<Reduction> left;
  for (const Reduction& reduction : std::exchange(to_reduce_[device], {})) {
    if (reduction.arrived <= clock_[device]) {
      reduce(reduction.bucket);
    } else {
      left.push_back(reduction);
    }
  }
  to_reduce_[device] = std::move(left);
  add_arrived_shards(device);
  finish_arrived_reductions(device);
  update_what_is_ready(device, 0);
}

// A member's sum at the reducer.
BufferId Emitter::sum_of_member(ResidenceId sum, std::int32_t position, DeviceId reducer) {
  const Residence& residence = residences_[sum];
  if (options_.replication.member(residence.device, position) == reducer) return buffers_[member_slot(sum, position)];
  const Slot slot = sum_slots_.at({residence.tensor, position});
  if (buffers_[slot] == kNone<BufferId>) receive_up_to(incoming_[slot]);
  return buffers_[slot];
}

void Emitter::reduce(BucketId b) {
  const Bucket& bucket = buckets_.buckets[b];
  if (options_.zero >= 2) {
    while (bucket_states_[b].added < training_.microbatches) add_next_shard(b);
    return;
  }
  for (const TensorId t : bucket.gradients) add_members(t, bucket);
  publish_wholes(bucket.gradients, bucket.reducer);
  for (const TensorId t : bucket.gradients) queue_updates(t, bucket.reducer);
}

// Adds the others' sums to the first member's, in the order of the group.
void Emitter::add_members(TensorId gradient, const Bucket& bucket) {
  const DeviceId here = bucket.reducer;
  const ResidenceId sum = residences_.sum(gradient, bucket.leader);
  const BufferId total = sum_of_member(sum, 0, here);
  for (std::int32_t position = 1; position < options_.replication.size(bucket.leader); ++position) {
    push(here, {.opcode = Opcode::kAccumulate,
                .tensor = gradient,
                .microbatch = kOnceAStep,
                .inputs = {sum_of_member(sum, position, here)},
                .outputs = {total}});
  }
  buffers_[whole_slot(gradient, here)] = total;
}

void Emitter::queue_updates(TensorId read, DeviceId device) {
  for (const NodeId reader : graph_.consumers(read)) {
    if (training_.phase[reader] == Phase::kUpdate) to_update_[device].push_back(reader);
  }
}

bool Emitter::has_operands(NodeId update, DeviceId device) const {
  const std::vector<TensorId>& inputs = graph_.node(update).inputs;
  return std::all_of(inputs.begin(), inputs.end(), [&](TensorId t) {
    if (t == kNone<TensorId> || graph_.tensor(t).kind == TensorKind::kParameter) return true;
    const auto at = whole_slots_.find({t, device});
    return at != whole_slots_.end() && buffers_[at->second] != kNone<BufferId>;
  });
}

// What nobody waits for fills the time until `fill_until`. What lacks an operand comes again with it, or at the end.
void Emitter::update_what_is_ready(DeviceId device, std::int64_t fill_until) {
  std::vector<NodeId> left;
  std::vector<NodeId>& queue = to_update_[device];
  // Updates queue those that read what they make, so the queue grows meanwhile.
  for (std::size_t i = 0; i < queue.size(); ++i) {  // NOLINT(modernize-loop-convert)
    const NodeId n = queue[i];
    const TensorId parameter = ownership_.updated_by(n);
    const bool is_awaited = parameter == kNone<TensorId> || ownership_.sends_new_value(parameter);
    const bool is_read = parameter != kNone<TensorId> && reads_left_[whole_of(parameter)] > 0;
    if (is_read || (!is_awaited && clock_[device] >= fill_until)) {
      left.push_back(n);
    } else if (!is_updated_[n] && has_operands(n, device) && ownership_.executors(n).front() == device) {
      update_first(n);
    }
  }
  queue = std::move(left);
}

// Where the update runs first; the new value leaves at once.
void Emitter::update_first(NodeId n) {
  const DeviceId device = ownership_.executors(n).front();
  run_update(n, device);
  send_new_values(n);
  is_updated_[n] = true;
  updated_.push_back(n);
  for (const TensorId t : graph_.node(n).outputs) {
    if (t != kNone<TensorId>) queue_updates(t, device);
  }
}

// To every other device that reads it; a member takes it where its own sum was.
void Emitter::publish_wholes(const std::vector<TensorId>& wholes, DeviceId device) {
  const DeviceId leader = leader_of_[graph_.tensor(wholes.front()).producer];
  for (const DeviceId d : users_of(training_, ownership_, wholes.front())) {
    if (d == device) continue;
    std::vector<Part> parts;
    for (const TensorId t : wholes) {
      Part part{t, buffers_[whole_slot(t, device)], whole_slot(t, d)};
      if (residences_.is_accumulated(t) && options_.replication.leader(d) == leader) {
        part.into = buffers_[member_slot(residences_.sum(t, leader), options_.replication.position(d))];
      }
      parts.push_back(part);
    }
    post({.from = device, .to = d}, parts);
  }
}

BufferId Emitter::whole(TensorId t, DeviceId device) {
  const Slot slot = whole_slot(t, device);
  if (buffers_[slot] == kNone<BufferId>) {
    MP_CHECK(incoming_[slot] >= 0);
    receive_up_to(incoming_[slot]);
  }
  return buffers_[slot];
}

BufferId Emitter::operand_of_update(TensorId t, DeviceId device) {
  if (t == kNone<TensorId>) return kNone<BufferId>;
  if (graph_.tensor(t).kind != TensorKind::kParameter) return whole(t, device);
  const ResidenceId home = residences_.first(t);
  MP_CHECK(residences_[home].device == options_.replication.leader(device));
  const BufferId kept = buffers_[member_slot(home, options_.replication.position(device))];
  MP_CHECK(kept != kNone<BufferId>);
  return kept;
}

void Emitter::run_update(NodeId n, DeviceId device) {
  const Node& node = graph_.node(n);
  Instruction instruction{.opcode = Opcode::kCompute, .node = n, .microbatch = kOnceAStep};
  for (const TensorId t : node.inputs) instruction.inputs.push_back(operand_of_update(t, device));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const TensorId t = node.outputs[i];
    BufferId made = kNone<BufferId>;
    const bool in_place = std::any_of(node.op->in_place.begin(), node.op->in_place.end(), [&](const InPlace& pair) {
      return pair.output == i && pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId> &&
             graph_.tensor(node.inputs[pair.input]).kind == TensorKind::kParameter;
    });
    if (node.op->is_view) {
      made = instruction.inputs.front();
    } else if (t != kNone<TensorId> && !in_place) {
      made = make_buffer(device, t, kOnceAStep, BufferRole::kActivation);
    }
    if (made != kNone<BufferId>) buffers_[whole_slot(t, device)] = made;
    instruction.outputs.push_back(made);
  }
  settle_in_place(node, device, instruction);
  const std::vector<BufferId> outputs = instruction.outputs;
  if (!node.op->is_view) push(device, std::move(instruction));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNone<TensorId>) continue;
    if (node.outputs[i] == training_.gradient_norm) {
      push(device, {.opcode = Opcode::kFetchLoss, .tensor = node.outputs[i], .inputs = {outputs[i]}});
    }
    if (graph_.consumers(node.outputs[i]).empty()) continue;
    buffers_[whole_slot(node.outputs[i], device)] = outputs[i];
    publish_wholes({node.outputs[i]}, device);
  }
}

void Emitter::send_new_values(NodeId n) {
  const TensorId t = ownership_.updated_by(n);
  if (t == kNone<TensorId> || !ownership_.sends_new_value(t)) return;
  const auto group = static_cast<std::size_t>(buckets_.of_new_values[t]);
  const std::vector<TensorId>& parameters = buckets_.new_values[group];
  if (++values_made_[group] < parameters.size()) return;
  if (are_exchanged(group)) return exchange_new_values(buckets_.bucket_of_new_values[group]);
  const DeviceId owner = ownership_.owner(t);
  const auto kept_by = [&](DeviceId d, TensorId parameter) {
    return buffers_[member_slot(residences_.first(parameter), options_.replication.position(d))];
  };
  for (const DeviceId d : options_.replication.members(options_.replication.leader(owner))) {
    if (d == owner) continue;
    std::vector<Part> parts;
    parts.reserve(parameters.size());
    for (const TensorId p : parameters) parts.push_back({p, kept_by(owner, p), new_slot(), kept_by(d, p)});
    post({.from = owner, .to = d}, parts);
    new_values_.push_back(static_cast<std::int32_t>(out_.messages.size()) - 1);
  }
}

void Emitter::receive_new_values() {
  for (const DeviceId d : ids<DeviceId>(new_values_under_way_.size())) {
    for (const CollectivePart& part : new_values_under_way_[d]) finish_part(d, part);
  }
  for (const std::int32_t message : new_values_) {
    const Part& part = parts_[first_part_[static_cast<std::size_t>(message)]];
    if (buffers_[part.slot] == kNone<BufferId>) receive_up_to(message);
  }
}

// Accumulators of a bucket, and parameters whose new values go together, on every member.
void Emitter::bundle_what_travels_together() {
  const auto bundle = [&](DeviceId leader, const std::vector<TensorId>& tensors, bool are_sums) {
    if (tensors.size() == 1 || is_share(tensors.front())) return;
    for (const DeviceId d : options_.replication.members(leader)) {
      Bundle& side_by_side = out_.bundles[d].emplace_back();
      for (const TensorId t : tensors) {
        const ResidenceId r = are_sums ? residences_.sum(t, leader) : residences_.first(t);
        side_by_side.push_back(buffers_[member_slot(r, options_.replication.position(d))]);
      }
    }
  };
  for (const Bucket& bucket : buckets_.buckets) {
    if (options_.zero < 2) {
      bundle(bucket.leader, bucket.gradients, true);
    } else {
      bundle_accumulators(bucket);
    }
  }
  for (const std::vector<TensorId>& parameters : buckets_.new_values) {
    bundle(options_.replication.leader(ownership_.owner(parameters.front())), parameters, false);
  }
}

// Of each reducer.
void Emitter::bundle_accumulators(const Bucket& bucket) {
  std::map<DeviceId, Bundle> of_reducer;
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    const DeviceId reducer = bucket.is_exchanged() ? bucket.reducers[i] : bucket.reducer;
    of_reducer[reducer].push_back(accumulators_[bucket.gradients[i]]);
  }
  for (auto& [reducer, side_by_side] : of_reducer) {
    if (side_by_side.size() > 1) out_.bundles[reducer].push_back(std::move(side_by_side));
  }
}

// Sums that are still on their way as the passes end, earliest first, and where they are waited for.
std::vector<std::pair<Emitter::Reduction, DeviceId>> Emitter::reductions_left() {
  std::vector<std::pair<Reduction, DeviceId>> left;
  for (const DeviceId d : ids<DeviceId>(to_reduce_.size())) {
    update_what_is_ready(d, 0);
    for (const Reduction& reduction : std::exchange(to_reduce_[d], {})) left.emplace_back(reduction, d);
    for (const CollectivePart& part : reductions_under_way_[d]) {
      left.emplace_back(Reduction{.arrived = exchanges_[static_cast<std::size_t>(part.collective)].done}, d);
    }
  }
  for (const BucketId b : ids<BucketId>(bucket_states_.size())) {
    const BucketState& state = bucket_states_[b];
    const bool is_shared = options_.zero >= 2 && !buckets_.buckets[b].is_exchanged();
    if (!is_shared || state.added == training_.microbatches) continue;
    std::int64_t latest = 0;
    for (const HandedIn& share : state.handed_in) latest = std::max(latest, share.arrived);
    left.emplace_back(Reduction{b, latest}, buckets_.buckets[b].reducer);
  }
  std::stable_sort(left.begin(), left.end(),
                   [](const auto& a, const auto& b) { return a.first.arrived < b.first.arrived; });
  return left;
}

// While one is awaited, what can be updated is.
void Emitter::reduce_left() {
  for (const auto& [reduction, device] : reductions_left()) {
    update_what_is_ready(device, reduction.arrived);
    if (reduction.bucket != kNone<BucketId>) {
      reduce(reduction.bucket);
    } else {
      finish_oldest_reduction(device);
    }
    update_what_is_ready(device, 0);
  }
}

void Emitter::update() {
  reduce_left();
  for (const NodeId n : updates_in_order(training_, leader_of_)) {
    if (!is_updated_[n]) update_first(n);
  }
  for (const NodeId n : updated_) {
    const std::vector<DeviceId> devices = ownership_.executors(n);
    for (std::size_t i = 1; i < devices.size(); ++i) run_update(n, devices[i]);
  }
  receive_new_values();
}

}  // namespace mp
