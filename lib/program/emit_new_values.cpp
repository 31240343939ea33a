// What members in step exchange by collectives once a step: their sums under ZeRO 1, and new values under ZeRO 1 and 2.
#include <algorithm>
#include <utility>

#include "lib/program/collective_pieces.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

// A member has summed all gradients of the bucket over its microbatches. Each owner gets its own, where its sums are.
void Emitter::start_reduction_of_sums(BucketId b, DeviceId here) {
  const Bucket& bucket = buckets_.buckets[b];
  std::vector<std::int32_t>& reductions = bucket_states_[b].reductions;
  if (reductions.empty()) reductions.push_back(new_reduction(bucket, kOnceAStep));
  CollectivePart part{.collective = reductions.front(), .bucket = b};
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    const ResidenceId sum = residences_.sum(bucket.gradients[i], bucket.leader);
    part.inputs.push_back(buffers_[member_slot(sum, options_.replication.position(here))]);
    if (bucket.reducers[i] == here) part.outputs.push_back(part.inputs.back());
  }
  start_part(here, part);
  reductions_under_way_[here].push_back(std::move(part));
}

void Emitter::hand_over_sums(BucketId b, DeviceId device) {
  const Bucket& bucket = buckets_.buckets[b];
  for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
    if (bucket.reducers[i] != device) continue;
    const TensorId t = bucket.gradients[i];
    const ResidenceId sum = residences_.sum(t, bucket.leader);
    buffers_[whole_slot(t, device)] = buffers_[member_slot(sum, options_.replication.position(device))];
    publish_wholes({t}, device);
    queue_updates(t, device);
  }
}

// Parameters that the members of the group which exchanges their gradients own and keep.
bool Emitter::are_exchanged(std::size_t new_values) const {
  const BucketId b = buckets_.bucket_of_new_values[new_values];
  if (b == kNone<BucketId> || !buckets_.buckets[b].is_exchanged()) return false;
  const DeviceId owner = ownership_.owner(buckets_.new_values[new_values].front());
  return options_.replication.leader(owner) == buckets_.buckets[b].leader;
}

// Once the last owner has updated what is its own, all members start: every pass has read the values of before.
void Emitter::exchange_new_values(BucketId b) {
  std::vector<std::size_t> groups;
  for (std::size_t g = 0; g < buckets_.new_values.size(); ++g) {
    if (buckets_.bucket_of_new_values[g] != b || !are_exchanged(g)) continue;
    if (values_made_[g] < buckets_.new_values[g].size()) return;
    groups.push_back(g);
  }
  const std::vector<DeviceId>& members = options_.replication.members(buckets_.buckets[b].leader);
  Collective collective{.kind = CollectiveKind::kAllGather, .members = members};
  for (const std::size_t g : groups) {
    const std::vector<TensorId>& parameters = buckets_.new_values[g];
    for (const TensorId t : parameters) add_tensor(collective, t, ownership_.owner(t), t == parameters.front());
  }
  const std::int32_t id = add_collective(std::move(collective));
  for (const DeviceId d : members) {
    CollectivePart part{.collective = id};
    for (const TensorId t : out_.collectives[static_cast<std::size_t>(id)].tensors) {
      const BufferId kept = buffers_[member_slot(residences_.first(t), options_.replication.position(d))];
      (ownership_.owner(t) == d ? part.inputs : part.outputs).push_back(kept);
    }
    start_part(d, part);
    new_values_under_way_[d].push_back(std::move(part));
  }
}

}  // namespace mp
