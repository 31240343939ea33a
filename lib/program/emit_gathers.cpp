// Parameters that ZeRO keeps on their owner alone, gathered by the collectives of a group in step.
#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

bool Emitter::is_gathered(TensorId parameter, DeviceId reader) const {
  const DeviceId leader = options_.replication.leader(reader);
  return in_step_[leader] && ownership_.is_fetched(parameter) &&
         options_.replication.leader(ownership_.owner(parameter)) == leader;
}

// What a group's nodes read, its own parameters among it: told by the runs of its leader.
void Emitter::plan_gathers(const std::vector<NodeRun>& runs, IdVector<DeviceId, Bundle>& kept) {
  const std::size_t devices = options_.replication.devices();
  std::vector<FetchedReads> reads;
  for (const NodeRun& run : runs) {
    const DeviceId leader = device(run.node, run.microbatch);
    if (!in_step_[leader]) continue;
    FetchedReads& of_run = reads.emplace_back(FetchedReads{.device = leader, .parameters = {}});
    for (const TensorId t : parameters_read(run.node)) {
      if (!is_gathered(t, leader)) continue;
      of_run.parameters.push_back(t);
      keep_side_by_side(t, kept);
    }
  }
  IdVector<DeviceId, std::int64_t> most_bytes(devices, 0);
  for (const DeviceId leader : ids<DeviceId>(devices)) {
    if (!in_step_[leader]) continue;
    const std::int64_t worthwhile = worthwhile_bytes(options_.replication.members(leader), options_.cluster);
    most_bytes[leader] = std::min(worthwhile, options_.bucket_bytes);
  }
  FetchPlan plan = mp::plan_fetches(graph_, reads, most_bytes);
  for (std::size_t i = 0; i < reads.size(); ++i) gathers_[reads[i].device].opens.push_back(plan.opens[i]);
  for (const DeviceId leader : ids<DeviceId>(devices)) {
    gathers_[leader].windows = std::move(plan.windows[leader]);
    if (!gathers_[leader].windows.empty()) gather_next(leader);
  }
}

// All members start at the same place of the global order.
void Emitter::gather_next(DeviceId leader) {
  Gathering& gathering = gathers_[leader];
  std::vector<TensorId> parameters = gathering.windows[gathering.started++].parameters;
  const auto place = [&](TensorId t) { return std::pair(ownership_.owner(t), fetch_order_[t]); };
  std::sort(parameters.begin(), parameters.end(), [&](TensorId a, TensorId b) { return place(a) < place(b); });
  const std::vector<DeviceId>& members = options_.replication.members(leader);
  Collective collective{.kind = CollectiveKind::kAllGather, .members = members};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto [owner, position] = place(parameters[i]);
    const bool goes_on = i > 0 && place(parameters[i - 1]) == std::pair(owner, position - 1) &&
                         !is_share(parameters[i]) && !is_share(parameters[i - 1]);
    add_tensor(collective, parameters[i], owner, !goes_on);
  }
  const std::int32_t id = add_collective(std::move(collective));
  for (const DeviceId d : members) {
    CollectivePart part{.collective = id, .whole_copies = room_for_wholes(parameters, d)};
    for (const TensorId t : parameters) {
      if (ownership_.owner(t) == d) {
        part.inputs.push_back(kept_by_owner(t));
      } else if (is_share(t)) {
        part.outputs.push_back(part.whole_copies.of_share.at(t));
      } else {
        part.outputs.push_back(make_buffer(d, t, kOnceAStep, BufferRole::kActivation));
      }
    }
    for (const PieceOperand& piece : outputs_of(out_.collectives[static_cast<std::size_t>(id)], d)) {
      const auto first = part.outputs.begin() + static_cast<std::ptrdiff_t>(piece.first);
      if (piece.tensors > 1) out_.bundles[d].emplace_back(first, first + static_cast<std::ptrdiff_t>(piece.tensors));
    }
    start_part(d, part);
    gathered_[d].under_way.push_back(std::move(part));
  }
}

// As the device's next run begins. The next window sets out as the first member opens one.
void Emitter::open_gathered(DeviceId device) {
  const DeviceId leader = options_.replication.leader(device);
  if (!in_step_[leader]) return;
  Gathering& gathering = gathers_[leader];
  Gathered& own = gathered_[device];
  const std::int32_t window = gathering.opens[own.runs++];
  if (window < 0) return;
  const CollectivePart part = std::move(own.under_way.front());
  own.under_way.pop_front();
  finish_part(device, part);
  add_own_shares(part.whole_copies, device);
  for (const auto& [whole, copy] : part.whole_copies.wholes) own.copies[whole] = copy;
  const Collective& collective = out_.collectives[static_cast<std::size_t>(part.collective)];
  for (const PieceOperand& piece : outputs_of(collective, device)) {
    for (std::size_t i = 0; i < piece.tensors; ++i) {
      own.copies[collective.tensors[piece.first_tensor + i]] = part.outputs[piece.first + i];
    }
  }
  if (gathering.started == static_cast<std::size_t>(window) + 1 && gathering.started < gathering.windows.size()) {
    gather_next(leader);
  }
}

}  // namespace mp
