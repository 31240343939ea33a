// Gradients that ZeRO keeps on their owner alone: each microbatch's go there as the backward pass makes them.
#include <algorithm>

#include "lib/base/check.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

// The owner's accumulator, which the first microbatch is written into.
BufferId Emitter::accumulator(TensorId gradient, DeviceId reducer) {
  BufferId& accumulator = accumulators_[gradient];
  if (accumulator == kNone<BufferId>) {
    accumulator = make_buffer(reducer, gradient, kOnceAStep, BufferRole::kGradient);
  }
  return accumulator;
}

// Where a node writes the gradient of a microbatch.
BufferId Emitter::output_of_shard(ResidenceId r, std::int32_t microbatch) {
  const TensorId t = residences_[r].tensor;
  const BucketId b = buckets_.of_gradient[t];
  const Bucket& bucket = buckets_.buckets[b];
  const std::vector<TensorId>& all = bucket.gradients;
  DeviceId reducer = bucket.reducer;
  bool is_first = microbatch == 0 && options_.replication.member(bucket.leader, 0) == bucket.reducer;
  if (bucket.is_exchanged()) {
    reducer = bucket.reducers[static_cast<std::size_t>(std::find(all.begin(), all.end(), t) - all.begin())];
    is_first = microbatch < options_.replication.size(bucket.leader) &&
               options_.replication.device(bucket.leader, microbatch) == reducer;
  }
  return is_first ? buffer(r, microbatch) = accumulator(t, reducer) : make_buffer(r, microbatch);
}

// Once the bucket is complete, the microbatch's gradients leave for the reducer.
void Emitter::hand_in(TensorId gradient, std::int32_t microbatch) {
  const BucketId b = buckets_.of_gradient[gradient];
  const Bucket& bucket = buckets_.buckets[b];
  BucketState& state = bucket_states_[b];
  HandedIn& share = state.handed_in[static_cast<std::size_t>(microbatch)];
  if (++share.made < bucket.gradients.size()) return;
  if (bucket.is_exchanged()) return start_reduction(b, microbatch);
  const DeviceId here = options_.replication.device(bucket.leader, microbatch);
  if (here == bucket.reducer) {
    share.arrived = clock_[here];
  } else {
    send_shard(bucket, here, microbatch);
    share.message = static_cast<std::int32_t>(out_.messages.size()) - 1;
    share.arrived = arrived_.back();
  }
  std::vector<BucketId>& open = to_add_[bucket.reducer];
  if (std::find(open.begin(), open.end(), b) == open.end()) open.push_back(b);
  if (here != bucket.reducer) limit_shards_under_way(bucket, here);
}

void Emitter::send_shard(const Bucket& bucket, DeviceId here, std::int32_t microbatch) {
  std::vector<Part> parts;
  Bundle side_by_side;
  for (const TensorId t : bucket.gradients) {
    const BufferId made = buffer(residences_.value(t, bucket.leader), microbatch);
    side_by_side.push_back(made);
    const BufferId into = microbatch == 0 ? accumulator(t, bucket.reducer) : kNone<BufferId>;
    parts.push_back({.tensor = t, .from = made, .slot = new_slot(), .into = into});
  }
  if (side_by_side.size() > 1) out_.bundles[here].push_back(std::move(side_by_side));
  post({.microbatch = microbatch, .from = here, .to = bucket.reducer}, parts);
  shards_under_way_[here].push_back(static_cast<std::int32_t>(out_.messages.size()) - 1);
}

// Two messages worth sending, or half as much as a member owns.
std::int64_t Emitter::most_under_way(const Bucket& bucket) const {
  return std::max(2 * std::min(bucket.worthwhile_bytes, options_.bucket_bytes),
                  gradient_bytes_[bucket.leader] / (2 * options_.replication.size(bucket.leader)));
}

// A member that makes gradients faster than its links take them waits before it begins to need memory for more.
void Emitter::limit_shards_under_way(const Bucket& bucket, DeviceId here) {
  std::deque<std::int32_t>& under_way = shards_under_way_[here];
  const auto is_received = [&](std::int32_t message) {
    return buffers_[parts_[first_part_[static_cast<std::size_t>(message)]].slot] != kNone<BufferId>;
  };
  std::erase_if(under_way, is_received);
  std::int64_t sum = 0;
  for (const std::int32_t message : under_way) sum += out_.messages[static_cast<std::size_t>(message)].size_bytes;
  const std::int64_t most = most_under_way(bucket);
  while (sum > most && under_way.size() > 1) {
    const std::int32_t oldest = under_way.front();
    under_way.pop_front();
    sum -= out_.messages[static_cast<std::size_t>(oldest)].size_bytes;
    if (!is_received(oldest)) receive_up_to(oldest);
  }
}

void Emitter::add_arrived_shards(DeviceId device) {
  std::erase_if(to_add_[device], [&](BucketId b) {
    BucketState& state = bucket_states_[b];
    while (state.added < training_.microbatches) {
      const HandedIn& next = state.handed_in[static_cast<std::size_t>(state.added)];
      if (next.arrived < 0) return true;  // comes again with it
      if (next.arrived > clock_[device]) return false;
      add_next_shard(b);
    }
    return true;
  });
}

// The next microbatch's gradients to those before it: the order in which one device adds them.
void Emitter::add_next_shard(BucketId b) {
  const Bucket& bucket = buckets_.buckets[b];
  BucketState& state = bucket_states_[b];
  const std::int32_t microbatch = state.added++;
  const HandedIn& next = state.handed_in[static_cast<std::size_t>(microbatch)];
  MP_CHECK(next.arrived >= 0);
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    const TensorId t = bucket.gradients[i];
    BufferId from = kNone<BufferId>;
    if (next.message < 0) {
      from = buffer(residences_.value(t, bucket.leader), microbatch);
    } else {
      const Slot slot = parts_[first_part_[static_cast<std::size_t>(next.message)] + i].slot;
      if (buffers_[slot] == kNone<BufferId>) receive_up_to(next.message);
      from = buffers_[slot];
    }
    if (microbatch == 0) {
      if (next.message < 0 && is_share(t)) copy(bucket.reducer, t, microbatch, from, accumulator(t, bucket.reducer));
      continue;
    }
    push(bucket.reducer, {.opcode = Opcode::kAccumulate,
                          .tensor = t,
                          .microbatch = microbatch,
                          .inputs = {from},
                          .outputs = {accumulators_[t]}});
  }
  if (state.added == training_.microbatches) finish_shard(bucket);
}

void Emitter::finish_shard(const Bucket& bucket) {
  for (const TensorId t : bucket.gradients) buffers_[whole_slot(t, bucket.reducer)] = accumulators_[t];
  publish_wholes(bucket.gradients, bucket.reducer);
  for (const TensorId t : bucket.gradients) queue_updates(t, bucket.reducer);
}

}  // namespace mp
