#include "partition/search/pipeline_forms.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <utility>

namespace mp::partition {
namespace {

// Hosts in the order of `before(a, b)` on their first devices, devices within a host likewise.
std::vector<DeviceId> sorted_by_host(const Cluster& cluster, const std::function<bool(DeviceId, DeviceId)>& before) {
  std::map<std::int32_t, std::vector<DeviceId>> hosts;
  for (const DeviceId d : ids<DeviceId>(cluster.devices.size())) hosts[cluster.devices[d].host].push_back(d);
  std::vector<std::vector<DeviceId>> sorted;
  for (auto& [host, devices] : hosts) {
    std::stable_sort(devices.begin(), devices.end(), before);
    sorted.push_back(std::move(devices));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) { return before(a[0], b[0]); });
  std::vector<DeviceId> order;
  for (const std::vector<DeviceId>& host : sorted) order.insert(order.end(), host.begin(), host.end());
  return order;
}

std::vector<std::size_t> stage_counts(std::size_t devices, std::size_t most, bool coarse) {
  constexpr std::size_t kEveryCountTo = 16;
  std::vector<std::size_t> counts;
  for (std::size_t p = 1; p <= std::min(devices, most); ++p) {
    const bool fine = p <= kEveryCountTo || devices % p == 0 || p == most || p % 8 == 0;
    if (std::has_single_bit(p) || (coarse ? p % 16 == 0 : fine)) counts.push_back(p);
  }
  return counts;
}

// The devices that equal groups leave over widen the first stages, or the last: groups along the order.
enum class Wider : std::uint8_t { kFirst, kLast };

PipelineForm uneven_form_of(const std::vector<DeviceId>& order, std::size_t stages, std::int32_t microbatches,
                            Wider wider) {
  const std::size_t members = order.size() / stages;
  const std::size_t wide = order.size() % stages;
  PipelineForm form;
  form.microbatches = microbatches;
  auto next = order.begin();
  for (std::size_t s = 0; s < stages; ++s) {
    const bool is_wide = wider == Wider::kFirst ? s < wide : s >= stages - wide;
    const auto end = next + static_cast<std::ptrdiff_t>(members + (is_wide ? 1 : 0));
    form.devices.emplace_back(next, end);
    next = end;
  }
  return form;
}

PipelineForm form_of(const std::vector<DeviceId>& order, std::size_t stages, std::size_t members, bool members_beside,
                     std::int32_t microbatches) {
  PipelineForm form;
  form.devices.resize(stages);
  form.microbatches = microbatches;
  for (std::size_t s = 0; s < stages; ++s) {
    for (std::size_t r = 0; r < members; ++r) {
      form.devices[s].push_back(order[members_beside ? s * members + r : r * stages + s]);
    }
  }
  return form;
}

// How often `stages` stages go into the devices, where each replica has work: as often as possible, and in a way that
// gives each replica as many microbatches.
std::vector<std::size_t> replica_counts(std::size_t devices, std::size_t stages, std::int32_t microbatches) {
  const std::size_t most = std::min(devices / stages, static_cast<std::size_t>(microbatches));
  std::vector<std::size_t> counts{1};
  if (most > 1) counts.push_back(most);
  for (std::size_t d = most; d > 1; --d) {
    if (static_cast<std::size_t>(microbatches) % d != 0) continue;
    if (d != most) counts.push_back(d);
    break;
  }
  return counts;
}

// The form with every setting of memory that the space allows, and with several stages on a device.
void add_with_settings(const PipelineForm& form, std::size_t most_stages, const SearchSpace& space,
                       std::vector<PipelineForm>& forms) {
  constexpr std::int32_t kMostChunks = 4;
  const auto [narrowest, widest] =
      std::minmax_element(form.devices.begin(), form.devices.end(),
                          [](const ReplicaGroup& a, const ReplicaGroup& b) { return a.size() < b.size(); });
  const bool even = narrowest->size() == widest->size();
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    if (zero > (widest->size() > 1 ? space.most_zero : 0) || (zero == 3 && space.coarse)) break;
    for (const RecomputePattern recompute :
         {RecomputePattern::kNone, RecomputePattern::kBlocks, RecomputePattern::kAll}) {
      if (recompute != RecomputePattern::kNone && !space.recompute) continue;
      PipelineForm with = form;
      with.zero = zero;
      with.recompute = recompute;
      if (!space.coarse || recompute != RecomputePattern::kAll) forms.push_back(with);
      if (space.coarse && recompute == RecomputePattern::kBlocks) continue;  // small stages are made again whole
      for (with.chunks = 2; with.chunks <= kMostChunks; ++with.chunks) {
        const auto p = static_cast<std::int64_t>(form.devices.size());
        if (!even || p < 2 || with.microbatches_of_member() < p || with.stages() > most_stages) break;
        forms.push_back(with);
      }
    }
  }
}

}  // namespace

std::vector<std::vector<DeviceId>> device_orders(const Cluster& cluster, const IdVector<DeviceId, double>& speeds) {
  const auto memory = [&](DeviceId d) { return cluster.type_of(d).memory_bytes; };
  std::vector<std::vector<DeviceId>> orders{sorted_by_host(cluster, std::less<>{})};
  const auto add = [&](const std::function<bool(DeviceId, DeviceId)>& before) {
    std::vector<DeviceId> order = sorted_by_host(cluster, before);
    if (std::find(orders.begin(), orders.end(), order) == orders.end()) orders.push_back(std::move(order));
  };
  add([&](DeviceId a, DeviceId b) { return speeds[a] > speeds[b]; });
  add([&](DeviceId a, DeviceId b) { return speeds[a] < speeds[b]; });
  add([&](DeviceId a, DeviceId b) { return memory(a) > memory(b); });
  return orders;
}

std::vector<PipelineForm> pipeline_forms(const std::vector<DeviceId>& order, std::int32_t microbatches,
                                         std::size_t most_stages, const SearchSpace& space) {
  std::vector<PipelineForm> forms;
  for (const std::size_t stages : stage_counts(order.size(), most_stages, space.coarse)) {
    for (const std::size_t members : replica_counts(order.size(), stages, microbatches)) {
      if (members > 1 && !space.replicas) continue;
      for (const bool members_beside : {false, true}) {
        if (members_beside && (members == 1 || stages == 1)) continue;  // the same again
        add_with_settings(form_of(order, stages, members, members_beside, microbatches), most_stages, space, forms);
      }
    }
    const bool one_more_has_work = order.size() / stages < static_cast<std::size_t>(microbatches);
    if (order.size() % stages == 0 || !space.replicas || space.coarse || !one_more_has_work) continue;
    for (const Wider wider : {Wider::kFirst, Wider::kLast}) {
      add_with_settings(uneven_form_of(order, stages, microbatches, wider), most_stages, space, forms);
    }
  }
  return forms;
}

std::vector<std::int32_t> microbatch_counts(std::int64_t batch, std::size_t most) {
  if (batch < 1) return {1};
  constexpr std::int64_t kMost = 1 << 16;
  std::vector<std::int32_t> divisors;
  for (std::int64_t m = 1; m <= std::min(batch, kMost); ++m) {
    if (batch % m == 0) divisors.push_back(static_cast<std::int32_t>(m));
  }
  if (divisors.size() <= most) return divisors;
  std::vector<std::int32_t> thinned;
  for (std::size_t i = 0; i < most; ++i) thinned.push_back(divisors[i * (divisors.size() - 1) / (most - 1)]);
  return thinned;
}

}  // namespace mp::partition
