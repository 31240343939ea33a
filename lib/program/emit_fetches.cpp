// Parameters that ZeRO keeps on their owner alone, on their way to the members that read them.
#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

bool Emitter::is_fetched(const Residence& root, DeviceId device) const {
  const bool is_parameter = graph_.tensor(root.tensor).kind == TensorKind::kParameter;
  if (!is_parameter || !ownership_.is_fetched(root.tensor)) return false;
  return training_.shares.contains(root.tensor) || ownership_.owner(root.tensor) != device;
}

std::vector<FetchedReads> Emitter::fetched_reads(const std::vector<NodeRun>& runs) const {
  std::vector<FetchedReads> reads;
  reads.reserve(runs.size());
  for (const NodeRun& run : runs) {
    FetchedReads& of_run = reads.emplace_back();
    of_run.device = device(run.node, run.microbatch);
    for (const TensorId t : parameters_read(run.node)) {
      if (ownership_.owner(t) != of_run.device && !is_gathered(t, of_run.device)) of_run.parameters.push_back(t);
    }
  }
  return reads;
}

// Those that their owner alone keeps, each once; of what has shares, these.
std::vector<TensorId> Emitter::parameters_read(NodeId n) const {
  std::vector<TensorId> parameters;
  const auto add = [&](TensorId t) {
    if (std::find(parameters.begin(), parameters.end(), t) == parameters.end()) parameters.push_back(t);
  };
  for (const TensorId t : graph_.node(n).inputs) {
    if (t == kNone<TensorId>) continue;
    const TensorId root = residences_[residences_[residences_.read_by(n, t)].buffer_of].tensor;
    if (graph_.tensor(root).kind != TensorKind::kParameter || !ownership_.is_fetched(root)) continue;
    const auto shared = training_.shares.find(root);
    if (shared == training_.shares.end()) {
      add(root);
    } else {
      for (const TensorId share : shared->second) add(share);
    }
  }
  return parameters;
}

void Emitter::keep_side_by_side(TensorId parameter, IdVector<DeviceId, Bundle>& kept) {
  if (fetch_order_[parameter] >= 0) return;
  const DeviceId owner = ownership_.owner(parameter);
  fetch_order_[parameter] = static_cast<std::int32_t>(kept[owner].size());
  kept[owner].push_back(kept_by_owner(parameter));
}

// An owner keeps what others fetch side by side, in the order of the first reads: so what is read together leaves in
// one message.
void Emitter::plan_fetches(const std::vector<NodeRun>& runs) {
  fetch_order_.assign(graph_.tensors().size(), -1);
  IdVector<DeviceId, Bundle> kept(options_.replication.devices());
  plan_gathers(runs, kept);
  const std::vector<FetchedReads> reads = fetched_reads(runs);
  IdVector<DeviceId, std::int64_t> most_bytes(options_.replication.devices(), 0);
  for (const FetchedReads& read : reads) {
    for (const TensorId t : read.parameters) {
      const DeviceId owner = ownership_.owner(t);
      const std::int64_t worthwhile = worthwhile_bytes(options_.cluster.link(owner, read.device));
      most_bytes[read.device] = std::max(most_bytes[read.device], std::min(worthwhile, options_.bucket_bytes));
      keep_side_by_side(t, kept);
    }
  }
  for (const DeviceId d : ids<DeviceId>(kept.size())) {
    if (kept[d].size() > 1) out_.bundles[d].push_back(std::move(kept[d]));
  }
  fetch_plan_ = mp::plan_fetches(graph_, reads, most_bytes);
  fetching_.resize(options_.replication.devices());
  for (const DeviceId d : ids<DeviceId>(fetching_.size())) {
    fetching_[d].ahead_bytes = most_bytes[d];
    order_ahead(d);
  }
}

BufferId Emitter::kept_by_owner(TensorId parameter) const {
  const std::int32_t position = options_.replication.position(ownership_.owner(parameter));
  return buffers_[member_slot(residences_.first(parameter), position)];
}

// As a run of `runs` begins: if it opens a window, those behind that one are ordered.
void Emitter::open_window(std::size_t run, DeviceId device) {
  open_gathered(device);
  if (fetch_plan_.opens[run] < 0) return;
  Fetching& state = fetching_[device];
  MP_CHECK(!state.ordered.empty());
  const OrderedWindow window = std::move(state.ordered.front());
  state.ordered.pop_front();
  for (const auto& [parameter, slot] : window.copies) state.copies[parameter] = slot;
  for (const auto& [whole, copy] : window.whole_copies.wholes) state.wholes[whole] = copy;
  add_own_shares(window.whole_copies, device);
  ++state.opened;
  order_ahead(device);
}

// At least the next window, and so many that its bytes are on their way before they are needed.
void Emitter::order_ahead(DeviceId device) {
  Fetching& state = fetching_[device];
  const std::vector<FetchWindow>& windows = fetch_plan_.windows[device];
  std::int64_t ahead = 0;
  for (std::size_t w = state.opened; w < windows.size() && (w == state.opened || ahead < state.ahead_bytes); ++w) {
    if (w == state.opened + state.ordered.size()) order(windows[w], device);
    ahead += windows[w].size_bytes;
  }
}

// One message from each owner for what lies side by side there; and one for each share, which goes beside the others.
void Emitter::order(const FetchWindow& window, DeviceId device) {
  std::vector<TensorId> parameters = window.parameters;
  const auto place = [&](TensorId t) { return std::pair(ownership_.owner(t), fetch_order_[t]); };
  std::sort(parameters.begin(), parameters.end(), [&](TensorId a, TensorId b) { return place(a) < place(b); });
  OrderedWindow& ordered = fetching_[device].ordered.emplace_back();
  ordered.whole_copies = room_for_wholes(parameters, device);
  const std::map<TensorId, BufferId>& of_share = ordered.whole_copies.of_share;
  std::vector<Part> parts;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const TensorId t = parameters[i];
    const auto into = of_share.find(t);
    parts.push_back({t, kept_by_owner(t), new_slot(), into == of_share.end() ? kNone<BufferId> : into->second});
    ordered.copies.emplace_back(t, parts.back().slot);
    const auto [owner, position] = place(t);
    const bool goes_on = i + 1 < parameters.size() && place(parameters[i + 1]) == std::pair(owner, position + 1) &&
                         !is_share(t) && !is_share(parameters[i + 1]);
    if (goes_on) continue;
    post({.from = owner, .to = device}, parts);
    parts.clear();
  }
}

BufferId Emitter::fetched_copy(TensorId parameter, DeviceId device) {
  if (is_gathered(parameter, device)) return gathered_[device].copies.at(parameter);
  const auto received = [&](TensorId t) {
    const Slot copy = fetching_[device].copies.at(t);
    if (buffers_[copy] == kNone<BufferId>) receive_up_to(incoming_[copy]);
    return buffers_[copy];
  };
  const auto shared = training_.shares.find(parameter);
  if (shared == training_.shares.end()) return received(parameter);
  for (const TensorId share : shared->second) {
    if (ownership_.owner(share) != device) static_cast<void>(received(share));
  }
  return fetching_[device].wholes.at(parameter);
}

}  // namespace mp
