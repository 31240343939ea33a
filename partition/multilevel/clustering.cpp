// Heavy-edge clustering: every vertex joins the neighbouring cluster with the best rating, one after the other
// in random order. Rating: edge weight into the cluster over the geometric mean of the two sizes, as in
// Holtgrewe, Sanders, Schulz, IPDPS 2010 ("expansion*2"), under a bound on cluster weight (Meyerhenke,
// Sanders, Schulz, SEA 2014). Where hubs starve the matching, vertices that prefer the same hub are merged with
// each other: two-hop clustering, LaSalle et al., IA3 2015. Large graphs are clustered batch by batch: the vertices of
// a batch choose at the same time, on all threads, and join one after the other.
#include "partition/multilevel/clustering.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "partition/graph/random_source.hpp"
#include "partition/parallel_for.hpp"

namespace mp::partition {
namespace {

constexpr VertexId kNoVertex = kNone<VertexId>;

class Clusterer {
 public:
  Clusterer(const WeightedGraph& graph, const ClusteringOptions& options)
      : graph_(graph),
        options_(options),
        random_(options.seed),
        n_(static_cast<std::size_t>(graph.vertices())),
        leader_(n_, kNoVertex),
        favourite_(n_, kNoVertex),
        weights_(graph.vertex_weights),
        sizes_(n_, 0.0F) {
    for (const VertexId v : ids<VertexId>(n_)) leader_[v] = v;
    measure_sizes();
  }

  Clustering run() {
    target_ = static_cast<std::size_t>(static_cast<double>(n_) / options_.max_shrink);
    clusters_ = n_;
    join_neighbours();
    if (static_cast<double>(clusters_) > 0.6 * static_cast<double>(n_)) join_two_hop();
    return number();
  }

 private:
  // A vertex's size: the mean over the constraints of its share of the total, 1 on average.
  void measure_sizes() {
    const auto constraints = static_cast<std::size_t>(graph_.constraints);
    std::vector<double> scale(constraints, 0);
    for (std::size_t i = 0; i < graph_.vertex_weights.size(); ++i) {
      scale[i % constraints] += static_cast<double>(graph_.vertex_weights[i]);
    }
    for (double& s : scale) s = s > 0 ? static_cast<double>(n_) / (s * static_cast<double>(constraints)) : 0;
    for (const VertexId v : ids<VertexId>(n_)) {
      double size = 0.05;  // weightless vertices have some, too: ratings divide by it
      for (std::size_t c = 0; c < constraints; ++c) size += scale[c] * static_cast<double>(graph_.weights_of(v)[c]);
      sizes_[v] = static_cast<float>(size);
    }
  }

  bool fits(VertexId v, VertexId leader) const {
    const auto constraints = static_cast<std::size_t>(graph_.constraints);
    for (std::size_t c = 0; c < constraints; ++c) {
      if (weights_[index(v) * constraints + c] + weights_[index(leader) * constraints + c] > options_.max_weights[c]) {
        return false;
      }
    }
    return same(options_.fixed, v, leader) && same(options_.labels, v, leader);
  }

  static bool same(std::span<const std::int32_t> values, VertexId a, VertexId b) {
    return values.empty() || values[index(a)] == values[index(b)];
  }

  void join(VertexId v, VertexId leader) {
    const auto constraints = static_cast<std::size_t>(graph_.constraints);
    for (std::size_t c = 0; c < constraints; ++c) {
      weights_[index(leader) * constraints + c] += weights_[index(v) * constraints + c];
    }
    sizes_[leader] += sizes_[v];
    leader_[v] = leader;
    grown_[index(leader)] = 1;
    --clusters_;
  }

  // Low degrees first, random among equals: hubs get what is left, which keeps the coarse graphs even.
  std::vector<VertexId> visiting_order() {
    std::vector<VertexId> order(n_);
    std::vector<std::int32_t> bucket(n_);
    std::array<std::size_t, 34> starts{};
    for (std::size_t v = 0; v < n_; ++v) {
      const auto degree = static_cast<std::uint64_t>(graph_.offsets[v + 1] - graph_.offsets[v]);
      bucket[v] = std::min(32, static_cast<std::int32_t>(std::bit_width(degree)));
      ++starts[static_cast<std::size_t>(bucket[v]) + 1];
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    const auto ends = starts;
    for (std::size_t v = 0; v < n_; ++v) order[starts[static_cast<std::size_t>(bucket[v])]++] = make_id<VertexId>(v);
    for (std::size_t b = 0; b + 1 < ends.size(); ++b) {
      shuffle_nearly(std::span(order).subspan(ends[b], starts[b] - ends[b]));
    }
    return order;
  }

  // In random order piece by piece, the pieces themselves in random order: neighbours often have near numbers, and what
  // was looked at a moment ago is still in the cache.
  void shuffle_nearly(std::span<VertexId> order) {
    constexpr std::size_t kPiece = 256;
    const std::size_t pieces = order.size() / kPiece;
    if (pieces < 2) return random_.shuffle(order);
    for (std::size_t i = pieces; i > 1; --i) {
      const std::size_t j = random_.below(i);
      if (j + 1 == i) continue;
      std::swap_ranges(order.begin() + static_cast<std::ptrdiff_t>((i - 1) * kPiece),
                       order.begin() + static_cast<std::ptrdiff_t>(i * kPiece),
                       order.begin() + static_cast<std::ptrdiff_t>(j * kPiece));
    }
    for (std::size_t i = 0; i < pieces; ++i) {
      random_.shuffle(order.subspan(i * kPiece, i + 1 < pieces ? kPiece : order.size() - i * kPiece));
    }
  }

  // Still a cluster of its own that nobody has joined.
  bool single(VertexId v) const { return leader_[v] == v && grown_[index(v)] == 0; }

  void join_neighbours() {
    constexpr std::size_t kBatches = 64;
    constexpr std::size_t kSmallestBatch = 4096;
    grown_.assign(n_, 0);
    const std::vector<VertexId> order = visiting_order();
    if (n_ / kBatches >= kSmallestBatch) return join_in_batches(order, n_ / kBatches);
    Scratch scratch(n_, random_.next());
    for (const VertexId v : order) {
      if (clusters_ <= target_) break;
      if (!single(v)) continue;
      const VertexId best = best_cluster(v, scratch);
      if (best != kNoVertex) join(v, best);
    }
  }

  void join_in_batches(std::span<const VertexId> order, std::size_t batch) {
    constexpr std::size_t kPart = 1024;
    const std::uint64_t seed = random_.next();
    std::vector<Scratch> scratch(static_cast<std::size_t>(std::max(1, options_.threads)), Scratch(n_, 0));
    std::vector<VertexId> choices(batch);
    for (std::size_t begin = 0; begin < order.size() && clusters_ > target_; begin += batch) {
      const std::span<const VertexId> members = order.subspan(begin, std::min(batch, order.size() - begin));
      parallel_for(options_.threads, (members.size() + kPart - 1) / kPart, [&](std::size_t worker, std::size_t part) {
        const std::size_t end = std::min(members.size(), (part + 1) * kPart);
        scratch[worker].random = RandomSource(mix_seed(seed, begin + part * kPart));
        for (std::size_t i = part * kPart; i < end; ++i) {
          choices[i] = single(members[i]) ? best_cluster(members[i], scratch[worker]) : kNoVertex;
        }
      });
      for (std::size_t i = 0; i < members.size() && clusters_ > target_; ++i) {
        if (choices[i] == kNoVertex || !single(members[i])) continue;
        const VertexId leader = leader_[choices[i]];  // the one chosen may have joined another meanwhile
        if (leader != members[i] && fits(members[i], leader)) join(members[i], leader);
      }
    }
  }

  // What one thread needs to choose.
  struct Scratch {
    Scratch(std::size_t vertices, std::uint64_t seed) : ratings(vertices, 0), random(seed) {}
    IdVector<VertexId, Weight> ratings;  // zero between calls
    std::vector<VertexId> touched;
    RandomSource random;
  };

  VertexId best_cluster(VertexId v, Scratch& scratch) {
    const std::span<const VertexId> neighbours = graph_.neighbours_of(v);
    const std::span<const Weight> weights = graph_.edge_weights_of(v);
    scratch.touched.clear();
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      const VertexId leader = leader_[neighbours[i]];
      if (scratch.ratings[leader] == 0) scratch.touched.push_back(leader);
      scratch.ratings[leader] += weights[i];
    }
    VertexId best = kNoVertex;
    VertexId favourite = kNoVertex;
    double best_score = 0;
    double favourite_score = 0;
    for (const VertexId leader : scratch.touched) {
      const auto weight = static_cast<double>(scratch.ratings[leader]);
      scratch.ratings[leader] = 0;
      if (leader == v) continue;
      const double score = weight * weight / static_cast<double>(sizes_[leader]);
      if (score > favourite_score) {
        favourite_score = score;
        favourite = leader;
      }
      if (score < best_score || !fits(v, leader)) continue;
      if (score == best_score && scratch.random.coin()) continue;
      best_score = score;
      best = leader;
    }
    favourite_[v] = favourite;
    return best;
  }

  // Single vertices with the same favourite, or with none, pair up.
  void join_two_hop() {
    std::vector<VertexId> waiting(n_ + 1, kNoVertex);
    for (const VertexId v : ids<VertexId>(n_)) {
      if (clusters_ <= target_) break;
      if (leader_[v] != v || grown_[index(v)] != 0) continue;
      if (favourite_[v] == kNoVertex && !graph_.neighbours_of(v).empty()) continue;
      VertexId& other = waiting[favourite_[v] == kNoVertex ? n_ : index(leader_[favourite_[v]])];
      if (other == kNoVertex) {
        other = v;
      } else if (fits(v, other)) {
        join(v, other);
        other = kNoVertex;
      } else {
        other = v;
      }
    }
  }

  Clustering number() {
    Clustering result{.cluster_of = IdVector<VertexId, ClusterId>(n_, kNone<ClusterId>), .clusters = 0};
    for (const VertexId v : ids<VertexId>(n_)) {
      ClusterId& id = result.cluster_of[leader_[v]];
      if (id == kNone<ClusterId>) id = make_id<ClusterId>(result.clusters++);
      result.cluster_of[v] = id;
    }
    return result;
  }

  const WeightedGraph& graph_;
  const ClusteringOptions& options_;
  RandomSource random_;
  std::size_t n_;
  std::size_t target_ = 0;
  std::size_t clusters_ = 0;
  IdVector<VertexId, VertexId> leader_;     // never a chain: only single vertices join, and only leaders
  IdVector<VertexId, VertexId> favourite_;  // the cluster v would have liked best, full or not
  std::vector<Weight> weights_;             // of the clusters, at their leaders
  IdVector<VertexId, float> sizes_;
  std::vector<std::uint8_t> grown_;  // leaders of two or more
};

}  // namespace

Clustering cluster(const WeightedGraph& graph, const ClusteringOptions& options) {
  return Clusterer(graph, options).run();
}

}  // namespace mp::partition
