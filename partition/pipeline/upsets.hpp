// Sets of vertices closed under successors: what the last stages of a pipeline may hold together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/ids.hpp"
#include "partition/acyclic/bit_set.hpp"
#include "partition/acyclic/task_dag.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

enum class UpsetId : std::int32_t {};

// By ascending size: the empty set first, the set of all vertices last. Read-only once built.
class Upsets {
 public:
  // All upsets of a graph of `vertices` with these arcs, or nothing if there are more than `limit`.
  [[nodiscard]] static std::optional<Upsets> all(std::int32_t vertices, std::span<const Arc> arcs, std::int64_t limit);
  // The suffixes of one topological order.
  [[nodiscard]] static Upsets suffixes(std::int32_t vertices, std::span<const Arc> arcs);

  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(sets_.size()); }
  [[nodiscard]] const BitSet& set(UpsetId u) const { return sets_[u]; }
  // Every upset strictly inside u, ascending.
  [[nodiscard]] std::vector<UpsetId> inside(UpsetId u) const;
  // Members of `outer` that are not in `inner`, ascending.
  [[nodiscard]] std::vector<VertexId> difference(UpsetId outer, UpsetId inner) const;

 private:
  IdVector<UpsetId, BitSet> sets_;
  IdVector<UpsetId, std::vector<UpsetId>> one_less_;  // the upsets that lack one vertex of u
};

}  // namespace mp::partition
