#include "partition/multilevel/hierarchy.hpp"

#include <algorithm>

#include "partition/graph/random_source.hpp"
#include "partition/multilevel/contraction.hpp"

namespace mp::partition {
namespace {

std::vector<std::int32_t> coarsen(std::span<const std::int32_t> values, const Clustering& clustering) {
  if (values.empty()) return {};
  std::vector<std::int32_t> coarse(static_cast<std::size_t>(clustering.clusters));
  for (const VertexId v : ids<VertexId>(values.size())) coarse[index(clustering.cluster_of[v])] = values[index(v)];
  return coarse;
}

}  // namespace

std::span<const std::int32_t> Hierarchy::labels(std::size_t depth) const {
  return depth == 0 ? finest_.labels : levels_[depth - 1].labels;
}

Hierarchy::Hierarchy(const WeightedGraph& graph, CoarseningRules rules, const CoarseningOptions& options)
    : graph_(&graph), finest_(std::move(rules)) {
  while (coarsest().vertices() > options.coarsest_vertices) {
    const WeightedGraph& fine = coarsest();
    const std::size_t at = depth() - 1;
    const double wanted = static_cast<double>(fine.vertices()) / std::max(1, options.coarsest_vertices);
    Clustering clustering = cluster(fine, {.max_weights = options.max_weights,
                                           .max_shrink = std::min(options.max_shrink, std::max(1.1, wanted)),
                                           .seed = mix_seed(options.seed, at),
                                           .threads = options.threads,
                                           .fixed = fixed(at),
                                           .labels = labels(at)});
    // Less than 2 % smaller: further levels would cost more than they bring.
    if (clustering.clusters >= fine.vertices() - fine.vertices() / 50) break;
    Level next{.graph = contract(fine, clustering, options.threads),
               .cluster_of = {},
               .fixed = coarsen(fixed(at), clustering),
               .labels = coarsen(labels(at), clustering)};
    next.cluster_of = std::move(clustering.cluster_of);
    levels_.push_back(std::move(next));
  }
}

Assignment Hierarchy::project(std::size_t depth, const Assignment& coarse) const {
  const IdVector<VertexId, ClusterId>& cluster_of = levels_[depth - 1].cluster_of;
  Assignment fine(cluster_of.size());
  for (const VertexId v : ids<VertexId>(fine.size())) fine[v] = coarse[make_id<VertexId>(index(cluster_of[v]))];
  return fine;
}

Assignment Hierarchy::restrict_to(std::size_t depth, const Assignment& fine) const {
  Assignment current = fine;
  for (std::size_t d = 0; d < depth; ++d) {
    Assignment coarser(static_cast<std::size_t>(levels_[d].graph.vertices()));
    for (const VertexId v : ids<VertexId>(current.size())) {
      coarser[make_id<VertexId>(index(levels_[d].cluster_of[v]))] = current[v];
    }
    current = std::move(coarser);
  }
  return current;
}

}  // namespace mp::partition
