#include "lib/program/buckets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/program/picoseconds.hpp"
#include "lib/program/program.hpp"

namespace mp {
namespace {

struct ReadyGradient {
  std::int64_t ready = 0;  // picoseconds
  TensorId gradient = kNone<TensorId>;
  DeviceId leader = kNone<DeviceId>;
};

// The gradients that several members sum, by the time the last of them begins with its last microbatch.
std::vector<ReadyGradient> gradients_by_time(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& leader_of,
                                             const std::vector<NodeRun>& runs, const Replication& replication) {
  IdVector<NodeId, std::int64_t> last_run(training.graph.nodes().size(), 0);
  for (const NodeRun& run : runs) last_run[run.node] = std::max(last_run[run.node], run.start);
  std::vector<ReadyGradient> found;
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] != Phase::kBackward || replication.size(leader_of[n]) == 1) continue;
    for (const TensorId t : training.graph.node(n).outputs) {
      if (t != kNone<TensorId> && training.is_accumulated(t)) found.push_back({last_run[n], t, leader_of[n]});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const ReadyGradient& a, const ReadyGradient& b) { return a.ready < b.ready; });
  return found;
}

// The first user among the members of the gradient's group, which saves a transfer; else the first of all.
DeviceId reducer_among(const std::vector<DeviceId>& users, DeviceId leader, const Replication& replication) {
  MP_CHECK(!users.empty());
  const auto member =
      std::find_if(users.begin(), users.end(), [&](DeviceId d) { return replication.leader(d) == leader; });
  return member != users.end() ? *member : users.front();
}

// The slowest on the way of any member to the reducer.
Link slowest_link(const Bucket& bucket, const BucketOptions& options) {
  Link slowest{.latency_s = 0.0, .bandwidth_bytes_per_s = 0.0};
  for (const DeviceId d : options.replication.members(bucket.leader)) {
    if (d == bucket.reducer) continue;
    const Link& link = options.cluster.link(d, bucket.reducer);
    slowest.latency_s = std::max(slowest.latency_s, link.latency_s);
    if (slowest.bandwidth_bytes_per_s == 0.0 || link.bandwidth_bytes_per_s < slowest.bandwidth_bytes_per_s) {
      slowest.bandwidth_bytes_per_s = link.bandwidth_bytes_per_s;
    }
  }
  return slowest;
}

// Of a ring, between neighbours.
Link slowest_link(const std::vector<DeviceId>& ring, const Cluster& cluster) {
  Link slowest{.latency_s = 0.0, .bandwidth_bytes_per_s = std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Link& link = cluster.link(ring[i], ring[(i + 1) % ring.size()]);
    slowest.latency_s = std::max(slowest.latency_s, link.latency_s);
    slowest.bandwidth_bytes_per_s = std::min(slowest.bandwidth_bytes_per_s, link.bandwidth_bytes_per_s);
  }
  return slowest;
}

class BucketMaker {
 public:
  BucketMaker(const TrainingGraph& training, const BucketOptions& options) : training_(training), options_(options) {
    out_.of_gradient.assign(training.graph.tensors().size(), kNone<BucketId>);
    out_.of_new_values.assign(training.graph.tensors().size(), -1);
  }

  void add(const ReadyGradient& next) {
    const std::int64_t size = aligned_bytes(bytes(training_.graph.tensor(next.gradient).type));
    std::vector<DeviceId> users = users_of(training_, options_.ownership, next.gradient);
    const DeviceId reducer = reducer_among(users, next.leader, options_.replication);
    const bool is_exchanged = exchanges(next, reducer);
    if (is_exchanged) users.clear();
    const auto [at, is_first] = open_.try_emplace({next.leader, users});
    Open& open = at->second;
    const bool fits = open.bytes + size <= open.most && next.ready <= open.start() + open.latency;
    const TensorId whole = whole_of(next.gradient);
    const bool joins = !is_first && whole == open.whole && (whole != kNone<TensorId> || fits);
    if (!joins) {
      if (!is_first) leave(open);
      open = is_exchanged ? opened_for_exchange(next.leader) : opened(next.leader, reducer, std::move(users));
      open.whole = whole;
    }
    open.bytes += size;
    open.ready = next.ready;
    out_.buckets[open.bucket].gradients.push_back(next.gradient);
    if (is_exchanged) out_.buckets[open.bucket].reducers.push_back(reducer);
    out_.buckets[open.bucket].size_bytes += size;
    out_.of_gradient[next.gradient] = open.bucket;
  }

  // Parameters whose gradients share a bucket share a message, too, in the same order.
  void group_new_values() {
    std::vector<std::tuple<BucketId, DeviceId, std::size_t, TensorId>> sent;  // bucket, owner, place in the bucket
    for (const TrainedParameter& trained : training_.trained) {
      if (!options_.ownership.sends_new_value(trained.parameter)) continue;
      const TensorId sum = sum_behind(trained.gradient);
      const BucketId bucket = out_.of_gradient[sum];
      std::size_t place = 0;
      if (bucket != kNone<BucketId>) {
        const std::vector<TensorId>& all = out_.buckets[bucket].gradients;
        place = static_cast<std::size_t>(std::find(all.begin(), all.end(), sum) - all.begin());
      }
      sent.emplace_back(bucket, options_.ownership.owner(trained.parameter), place, trained.parameter);
    }
    std::sort(sent.begin(), sent.end());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const auto& [bucket, owner, unused, parameter] = sent[i];
      const bool joins = i > 0 && bucket != kNone<BucketId> &&
                         std::tie(bucket, owner) == std::tie(std::get<0>(sent[i - 1]), std::get<1>(sent[i - 1]));
      if (!joins) {
        out_.new_values.emplace_back();
        out_.bucket_of_new_values.push_back(bucket);
      }
      out_.new_values.back().push_back(parameter);
      out_.of_new_values[parameter] = static_cast<std::int32_t>(out_.new_values.size()) - 1;
    }
  }

  [[nodiscard]] Buckets finish() && {
    for (Bucket& bucket : out_.buckets) sort_by_reducer(bucket);
    return std::move(out_);
  }

 private:
  struct Open {
    BucketId bucket = kNone<BucketId>;
    std::int64_t bytes = 0;
    std::int64_t ready = 0;
    std::int64_t link_free = 0;
    std::int64_t latency = 0;
    std::int64_t most = 0;
    double bytes_per_s = 0.0;
    TensorId whole = kNone<TensorId>;  // of a bucket of its shares
    [[nodiscard]] std::int64_t start() const { return std::max(ready, link_free); }
  };

  // What has shares, if the gradient is one.
  [[nodiscard]] TensorId whole_of(TensorId gradient) const {
    const auto whole = training_.whole_of_share.find(gradient);
    return whole == training_.whole_of_share.end() ? kNone<TensorId> : whole->second;
  }

  // Collectives add float32.
  [[nodiscard]] bool exchanges(const ReadyGradient& ready, DeviceId reducer) const {
    return options_.exchanges[ready.leader] && options_.replication.leader(reducer) == ready.leader &&
           training_.graph.tensor(ready.gradient).type.type == DataType::kFloat32;
  }

  void sort_by_reducer(Bucket& bucket) const {
    if (!bucket.is_exchanged()) return;
    std::vector<std::pair<std::int32_t, TensorId>> sorted;
    for (std::size_t i = 0; i < bucket.gradients.size(); ++i) {
      sorted.emplace_back(options_.replication.position(bucket.reducers[i]), bucket.gradients[i]);
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      bucket.reducers[i] = options_.replication.member(bucket.leader, sorted[i].first);
      bucket.gradients[i] = sorted[i].second;
    }
  }

  [[nodiscard]] Open opened_for_exchange(DeviceId leader) {
    Open open{.bucket = out_.buckets.push_back({.leader = leader, .users = {}, .gradients = {}})};
    const std::vector<DeviceId>& ring = options_.replication.members(leader);
    const Link link = slowest_link(ring, options_.cluster);
    open.latency = to_picoseconds(link.latency_s) * static_cast<std::int64_t>(ring.size() - 1);
    out_.buckets[open.bucket].worthwhile_bytes = worthwhile_bytes(ring, options_.cluster);
    const std::int64_t worthwhile = out_.buckets[open.bucket].worthwhile_bytes;
    open.most = options_.are_shards ? std::min(options_.most_bytes, worthwhile) : options_.most_bytes;
    open.bytes_per_s = link.bandwidth_bytes_per_s;
    open.link_free = link_free_[{leader, kNone<DeviceId>}];
    return open;
  }

  [[nodiscard]] Open opened(DeviceId leader, DeviceId reducer, std::vector<DeviceId> users) {
    Open open{.bucket = out_.buckets.push_back(
                  {.leader = leader, .reducer = reducer, .users = std::move(users), .gradients = {}})};
    const Link link = slowest_link(out_.buckets[open.bucket], options_);
    open.latency = to_picoseconds(link.latency_s);
    const std::int64_t worthwhile = worthwhile_bytes(link);
    out_.buckets[open.bucket].worthwhile_bytes = worthwhile;
    open.most = options_.are_shards ? std::min(options_.most_bytes, worthwhile) : options_.most_bytes;
    open.bytes_per_s = link.bandwidth_bytes_per_s;
    open.link_free = link_free_[{leader, reducer}];
    return open;
  }

  void leave(const Open& open) {
    const Bucket& bucket = out_.buckets[open.bucket];
    std::int64_t& free = link_free_[{bucket.leader, bucket.reducer}];
    const double seconds = open.bytes_per_s > 0.0 ? static_cast<double>(open.bytes) / open.bytes_per_s : 0.0;
    free = std::max(open.ready, free) + open.latency + to_picoseconds(seconds);
  }

  // The first of the sums that an update's gradient is made of.
  [[nodiscard]] TensorId sum_behind(TensorId gradient) const {
    for (NodeId from = training_.graph.tensor(gradient).producer;
         from != kNone<NodeId> && training_.phase[from] == Phase::kUpdate;
         from = training_.graph.tensor(gradient).producer) {
      const std::vector<TensorId>& inputs = training_.graph.node(from).inputs;
      if (inputs.empty() || inputs.front() == kNone<TensorId>) break;
      gradient = inputs.front();
    }
    return gradient;
  }

  const TrainingGraph& training_;
  const BucketOptions& options_;
  std::map<std::pair<DeviceId, std::vector<DeviceId>>, Open> open_;  // by leader and users: the last one
  std::map<std::pair<DeviceId, DeviceId>, std::int64_t> link_free_;  // by leader and reducer, picoseconds
  Buckets out_;
};

}  // namespace

std::int64_t worthwhile_bytes(const Link& link) {
  constexpr double kLatencies = 8.0;
  constexpr double kMost = 1e15;  // keeps sums inside 63 bits
  return std::llround(std::min(kMost, kLatencies * link.latency_s * link.bandwidth_bytes_per_s));
}

std::int64_t worthwhile_bytes(const std::vector<DeviceId>& ring, const Cluster& cluster) {
  constexpr std::int64_t kMost = 1'000'000'000'000'000;
  const std::int64_t share =
      std::min(kMost / static_cast<std::int64_t>(ring.size()), worthwhile_bytes(slowest_link(ring, cluster)));
  return share * static_cast<std::int64_t>(ring.size());
}

std::vector<DeviceId> users_of(const TrainingGraph& training, const Ownership& ownership, TensorId whole) {
  std::vector<DeviceId> devices;
  for (const NodeId reader : training.graph.consumers(whole)) {
    if (training.phase[reader] != Phase::kUpdate) continue;
    for (const DeviceId d : ownership.executors(reader)) {
      if (std::find(devices.begin(), devices.end(), d) == devices.end()) devices.push_back(d);
    }
  }
  return devices;
}

Buckets make_buckets(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& leader_of,
                     const std::vector<NodeRun>& runs, const BucketOptions& options) {
  BucketMaker maker(training, options);
  for (const ReadyGradient& next : gradients_by_time(training, leader_of, runs, options.replication)) maker.add(next);
  maker.group_new_values();
  return std::move(maker).finish();
}

}  // namespace mp
