#include "partition/pipeline/upsets.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

struct SetHash {
  std::size_t operator()(const BitSet& set) const { return set.hash(); }
};

using Adjacency = std::vector<std::vector<VertexId>>;

Adjacency successors_of(std::int32_t vertices, std::span<const Arc> arcs) {
  Adjacency successors(static_cast<std::size_t>(vertices));
  for (const Arc& arc : arcs) successors[index(arc.from)].push_back(arc.to);
  return successors;
}

}  // namespace

// Breadth first, so that sizes ascend.
std::optional<Upsets> Upsets::all(std::int32_t vertices, std::span<const Arc> arcs, std::int64_t limit) {
  const Adjacency successors = successors_of(vertices, arcs);
  Upsets upsets;
  std::unordered_map<BitSet, UpsetId, SetHash> ids;
  const BitSet empty(static_cast<std::size_t>(vertices));
  ids.emplace(empty, upsets.sets_.push_back(empty));
  upsets.one_less_.push_back({});
  for (std::int32_t next = 0; next < upsets.size(); ++next) {
    const auto u = make_id<UpsetId>(next);
    const BitSet set = upsets.sets_[u];
    for (std::int32_t i = 0; i < vertices; ++i) {
      const auto v = make_id<VertexId>(i);
      const std::vector<VertexId>& after = successors[index(v)];
      if (set.has(v) || !std::all_of(after.begin(), after.end(), [&](VertexId w) { return set.has(w); })) continue;
      BitSet more = set;
      more.add(v);
      const auto [found, is_new] = ids.emplace(more, make_id<UpsetId>(upsets.size()));
      if (is_new) {
        if (upsets.size() >= limit) return std::nullopt;
        upsets.sets_.push_back(std::move(more));
        upsets.one_less_.push_back({});
      }
      upsets.one_less_[found->second].push_back(u);
    }
  }
  return upsets;
}

Upsets Upsets::suffixes(std::int32_t vertices, std::span<const Arc> arcs) {
  const Adjacency successors = successors_of(vertices, arcs);
  Upsets upsets;
  BitSet set(static_cast<std::size_t>(vertices));
  upsets.sets_.push_back(set);
  upsets.one_less_.push_back({});
  const auto is_ready = [&](VertexId v) {
    const std::vector<VertexId>& after = successors[index(v)];
    return !set.has(v) && std::all_of(after.begin(), after.end(), [&](VertexId w) { return set.has(w); });
  };
  for (std::int32_t size = 0; size < vertices; ++size) {
    std::int32_t i = vertices - 1;  // files list nodes about in order
    while (i >= 0 && !is_ready(make_id<VertexId>(i))) --i;
    MP_CHECK(i >= 0);  // acyclic
    set.add(make_id<VertexId>(i));
    upsets.one_less_.push_back({make_id<UpsetId>(upsets.size() - 1)});
    upsets.sets_.push_back(set);
  }
  return upsets;
}

std::vector<UpsetId> Upsets::inside(UpsetId u) const {
  std::vector<bool> seen(sets_.size(), false);
  std::vector<UpsetId> found{u};
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const UpsetId less : one_less_[found[next]]) {
      if (seen[index(less)]) continue;
      seen[index(less)] = true;
      found.push_back(less);
    }
  }
  found.erase(found.begin());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<VertexId> Upsets::difference(UpsetId outer, UpsetId inner) const {
  std::vector<VertexId> members;
  sets_[outer].for_each_not_in(sets_[inner], sets_[inner], [&](VertexId v) { members.push_back(v); });
  return members;
}

}  // namespace mp::partition
