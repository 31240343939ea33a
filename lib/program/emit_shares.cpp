// Tensors that are nothing but shares of several owners (lib/program/share_out.hpp): where these lie side by side.
#include <algorithm>

#include "lib/base/check.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

bool Emitter::is_share(TensorId t) const { return training_.whole_of_share.contains(t); }

TensorId Emitter::whole_of(TensorId t) const { return is_share(t) ? training_.whole_of_share.at(t) : t; }

bool Emitter::cuts_up(NodeId n) const {
  const std::vector<TensorId>& outputs = graph_.node(n).outputs;
  return !outputs.empty() && training_.phase[n] != Phase::kUpdate && is_share(outputs.front());
}

// Over buffers that were made one after another.
BufferId Emitter::make_whole(DeviceId device, TensorId whole, std::int32_t microbatch, const Bundle& shares) {
  MP_CHECK(shares.size() == training_.shares.at(whole).size());
  for (std::size_t i = 1; i < shares.size(); ++i) MP_CHECK(index(shares[i]) == index(shares[i - 1]) + 1);
  out_.bundles[device].push_back(shares);
  const BufferId made = make_buffer(device, whole, microbatch, BufferRole::kWhole);
  out_.devices[device].buffers[made].first_share = shares.front();
  return made;
}

// What every member keeps of what has shares, before level 3 of ZeRO: all of them.
void Emitter::make_kept_wholes() {
  if (options_.zero >= 3) return;
  for (const auto& [whole, shares] : training_.shares) {
    if (graph_.tensor(whole).kind != TensorKind::kParameter) continue;
    const ResidenceId home = residences_.first(whole);
    for (const DeviceId d : options_.replication.members(residences_[home].device)) {
      const std::int32_t position = options_.replication.position(d);
      Bundle kept;
      for (const TensorId share : shares) kept.push_back(buffers_[member_slot(residences_.first(share), position)]);
      buffers_[member_slot(home, position)] = make_whole(d, whole, kOnceAStep, kept);
    }
  }
}

// Where a node writes a gradient that has shares: over the member's sums of these, where it is the first microbatch
// that they are made of; where gradients are sharded, it is on its way to them.
BufferId Emitter::output_in_shares(TensorId whole, DeviceId leader, std::int32_t microbatch) {
  const bool is_first = !shards_gradients(leader) && microbatch < options_.replication.size(leader);
  Bundle made;
  for (const TensorId share : training_.shares.at(whole)) {
    const ResidenceId r = residences_.value(share, leader);
    made.push_back(is_first ? make_buffer(residences_.sum(share, leader), microbatch) : make_buffer(r, microbatch));
    buffer(r, microbatch) = made.back();
  }
  const DeviceId device = options_.replication.device(leader, microbatch);
  return buffer(residences_.value(whole, leader), microbatch) = make_whole(device, whole, microbatch, made);
}

// Room on a device for the wholes whose shares are among `parameters`.
Emitter::WholeCopies Emitter::room_for_wholes(const std::vector<TensorId>& parameters, DeviceId device) {
  WholeCopies copies;
  for (const TensorId t : parameters) {
    if (!is_share(t) || copies.of_share.contains(t)) continue;
    const TensorId whole = training_.whole_of_share.at(t);
    Bundle shares;
    for (const TensorId share : training_.shares.at(whole)) {
      shares.push_back(make_buffer(device, share, kOnceAStep, BufferRole::kActivation));
      copies.of_share[share] = shares.back();
    }
    copies.wholes[whole] = make_whole(device, whole, kOnceAStep, shares);
  }
  return copies;
}

// The member's own share of each comes beside those of the others.
void Emitter::add_own_shares(const WholeCopies& copies, DeviceId device) {
  for (const auto& [share, to] : copies.of_share) {
    if (ownership_.owner(share) == device) copy(device, share, kOnceAStep, kept_by_owner(share), to);
  }
}

}  // namespace mp
