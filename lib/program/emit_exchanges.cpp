// Gradients that ZeRO keeps on their owner alone, reduced to the owners by the collectives of a group in step.
#include <algorithm>

#include "lib/base/check.hpp"
#include "lib/program/collective_cost.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/emitter.hpp"
#include "lib/program/picoseconds.hpp"

namespace mp {

void Emitter::add_tensor(Collective& collective, TensorId tensor, DeviceId root, bool begins_piece) const {
  if (begins_piece) collective.pieces.push_back({.root = root});
  CollectivePiece& piece = collective.pieces.back();
  piece.size_bytes = (piece.tensors > 0 ? aligned_bytes(piece.size_bytes) : 0) + bytes(graph_.tensor(tensor).type);
  ++piece.tensors;
  collective.tensors.push_back(tensor);
}

// Of one piece it is a plain reduce or broadcast.
std::int32_t Emitter::add_collective(Collective collective) {
  for (const CollectivePiece& piece : collective.pieces) collective.size_bytes += piece.size_bytes;
  if (collective.pieces.size() == 1) {
    collective.root = collective.pieces.front().root;
    collective.kind = is_sum(collective.kind) ? CollectiveKind::kReduce : CollectiveKind::kBroadcast;
    collective.pieces.clear();
  }
  out_.collectives.push_back(std::move(collective));
  exchanges_.emplace_back();
  return static_cast<std::int32_t>(out_.collectives.size()) - 1;
}

// Once the last member has, it is known when it will be done: behind those of its kind before it.
void Emitter::start_part(DeviceId device, const CollectivePart& part) {
  const Collective& collective = out_.collectives[static_cast<std::size_t>(part.collective)];
  Exchange& exchange = exchanges_[static_cast<std::size_t>(part.collective)];
  push(device, {.opcode = Opcode::kStartCollective,
                .tensor = collective.tensors.front(),
                .microbatch = part.microbatch,
                .collective = part.collective,
                .inputs = part.inputs,
                .outputs = part.outputs});
  exchange.done = std::max(exchange.done, clock_[device]);
  if (++exchange.started < collective.members.size()) return;
  std::int64_t& free = ring_free_[{is_sum(collective.kind), collective.members.front()}];
  free = std::max(exchange.done, free) + to_picoseconds(cost_of(collective, routes_).seconds);
  exchange.done = free;
}

bool Emitter::is_started_by_all(const CollectivePart& part) const {
  const auto id = static_cast<std::size_t>(part.collective);
  return exchanges_[id].started == out_.collectives[id].members.size();
}

void Emitter::finish_part(DeviceId device, const CollectivePart& part) {
  MP_CHECK(is_started_by_all(part));
  const auto id = static_cast<std::size_t>(part.collective);
  idle_until(device, exchanges_[id].done);
  push(device, {.opcode = Opcode::kFinishCollective,
                .tensor = out_.collectives[id].tensors.front(),
                .microbatch = part.microbatch,
                .collective = part.collective,
                .inputs = part.inputs,
                .outputs = part.outputs});
}

// All gradients of the bucket have been made for this microbatch.
void Emitter::start_reduction(BucketId b, std::int32_t microbatch) {
  const Bucket& bucket = buckets_.buckets[b];
  const std::int32_t members = options_.replication.size(bucket.leader);
  const DeviceId here = options_.replication.device(bucket.leader, microbatch);
  std::vector<std::int32_t>& reductions = bucket_states_[b].reductions;
  const auto turn = static_cast<std::size_t>(microbatch / members);
  if (turn == reductions.size()) reductions.push_back(new_reduction(bucket, microbatch - microbatch % members));
  MP_CHECK(turn < reductions.size());
  CollectivePart part{.collective = reductions[turn], .microbatch = microbatch, .bucket = b};
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    const BufferId made = buffer(residences_.value(bucket.gradients[i], bucket.leader), microbatch);
    part.inputs.push_back(made);
    if (bucket.reducers[i] != here) continue;
    const bool is_moved = turn == 0 && is_share(bucket.gradients[i]);  // the others are made in their accumulators
    part.outputs.push_back(is_moved ? accumulator(bucket.gradients[i], here) : made);
  }
  for (const PieceOperand& piece : inputs_of(out_.collectives[static_cast<std::size_t>(part.collective)], here)) {
    const bool are_accumulators = turn == 0 && bucket.reducers[piece.first] == here;
    const auto first = part.inputs.begin() + static_cast<std::ptrdiff_t>(piece.first);
    Bundle bundle(first, first + static_cast<std::ptrdiff_t>(piece.tensors));
    if (bundle.size() > 1 && !are_accumulators) out_.bundles[here].push_back(std::move(bundle));
  }
  start_part(here, part);
  reductions_under_way_[here].push_back(std::move(part));
  limit_reductions_under_way(bucket, here);
}

std::int32_t Emitter::new_reduction(const Bucket& bucket, std::int32_t first_microbatch) {
  Collective collective{.kind = CollectiveKind::kReduceScatter,
                        .members = options_.replication.members(bucket.leader),
                        .microbatch = first_microbatch};
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    add_tensor(collective, bucket.gradients[i], bucket.reducers[i],
               i == 0 || bucket.reducers[i] != bucket.reducers[i - 1]);
  }
  return add_collective(std::move(collective));
}

// As limit_shards_under_way; but what another member has not begun cannot be waited for.
void Emitter::limit_reductions_under_way(const Bucket& bucket, DeviceId here) {
  std::deque<CollectivePart>& under_way = reductions_under_way_[here];
  std::int64_t sum = 0;
  for (const CollectivePart& part : under_way) {
    sum += out_.collectives[static_cast<std::size_t>(part.collective)].size_bytes;
  }
  const std::int64_t most = most_under_way(bucket);
  while (sum > most && under_way.size() > 1 && is_started_by_all(under_way.front())) {
    sum -= out_.collectives[static_cast<std::size_t>(under_way.front().collective)].size_bytes;
    finish_oldest_reduction(here);
  }
}

void Emitter::finish_arrived_reductions(DeviceId device) {
  std::deque<CollectivePart>& under_way = reductions_under_way_[device];
  const auto has_arrived = [&](const CollectivePart& part) {
    return is_started_by_all(part) && exchanges_[static_cast<std::size_t>(part.collective)].done <= clock_[device];
  };
  while (!under_way.empty() && has_arrived(under_way.front())) finish_oldest_reduction(device);
}

// The first sum of an owner's gradients is made in their accumulators; the others are added to it.
void Emitter::finish_oldest_reduction(DeviceId device) {
  const CollectivePart part = std::move(reductions_under_way_[device].front());
  reductions_under_way_[device].pop_front();
  finish_part(device, part);
  if (part.microbatch == kOnceAStep) return hand_over_sums(part.bucket, device);
  const Bucket& bucket = buckets_.buckets[part.bucket];
  const std::int32_t members = options_.replication.size(bucket.leader);
  const std::int32_t first_microbatch = part.microbatch - part.microbatch % members;
  std::vector<TensorId> own;
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    if (bucket.reducers[i] != device) continue;
    own.push_back(bucket.gradients[i]);
    if (first_microbatch == 0) continue;
    push(device, {.opcode = Opcode::kAccumulate,
                  .tensor = own.back(),
                  .microbatch = first_microbatch,
                  .inputs = {part.inputs[i]},
                  .outputs = {accumulators_[own.back()]}});
  }
  if (first_microbatch + members < training_.microbatches) return;
  for (const TensorId t : own) {
    buffers_[whole_slot(t, device)] = accumulators_[t];
    publish_wholes({t}, device);
    queue_updates(t, device);
  }
}

}  // namespace mp
