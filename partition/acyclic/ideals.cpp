#include "partition/acyclic/ideals.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "partition/acyclic/bit_set.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

// The search is as deep as there are vertices, and so is our use of the stack.
constexpr std::size_t kMostVertices = 10'000;

// Blocks that are alike: same limits, no vertex pinned to them. A pinned block is a kind of its own.
struct Kind {
  std::vector<BlockId> blocks;
  bool pinned = false;
};

std::vector<Kind> kinds_of(const BalanceLimits& limits, std::span<const BlockId> fixed) {
  std::vector<Kind> kinds;
  for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(limits.blocks))) {
    const bool pinned = std::find(fixed.begin(), fixed.end(), b) != fixed.end();
    const auto alike = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) {
      return !pinned && !k.pinned && std::ranges::equal(limits.of(k.blocks.front()), limits.of(b));
    });
    if (alike == kinds.end())
      kinds.push_back({.blocks = {b}, .pinned = pinned});
    else
      alike->blocks.push_back(b);
  }
  return kinds;
}

// How many blocks of each kind are spent, as one number in mixed radix.
class Spending {
 public:
  explicit Spending(const std::vector<Kind>& kinds) {
    std::int64_t radix = 1;
    for (const Kind& kind : kinds) {
      radices_.push_back(radix);
      counts_.push_back(static_cast<std::int64_t>(kind.blocks.size()));
      // With very many kinds the number could overflow; then every table entry would be wrong.
      if (__builtin_mul_overflow(radix, counts_.back() + 1, &radix)) fits_ = false;
    }
  }
  [[nodiscard]] bool fits() const { return fits_; }
  [[nodiscard]] std::int64_t spent(std::int64_t code, std::size_t kind) const {
    return code / radices_[kind] % (counts_[kind] + 1);
  }
  [[nodiscard]] std::int64_t left(std::int64_t code, std::size_t kind) const {
    return counts_[kind] - spent(code, kind);
  }
  [[nodiscard]] std::int64_t spend(std::int64_t code, std::size_t kind) const { return code + radices_[kind]; }

 private:
  std::vector<std::int64_t> radices_;
  std::vector<std::int64_t> counts_;
  bool fits_ = true;
};

struct State {
  BitSet ideal;
  std::int64_t spent = 0;
  Weight cost = 0;  // edges certain to be cut: those leaving each block so far for any later one
  std::vector<Weight> weight;
  std::int64_t parent = -1;
  std::size_t kind = 0;  // of the last block
};

class Search {
 public:
  Search(const TaskDag& dag, const BalanceLimits& limits, const IdealOptions& options)
      : dag_(dag),
        graph_(dag.graph),
        limits_(limits),
        options_(options),
        kinds_(kinds_of(limits, options.fixed)),
        spending_(kinds_),
        totals_(total_weights(graph_)),
        vertices_(static_cast<std::size_t>(graph_.vertices())) {}

  BelowBound run() {
    BelowBound result;
    if (vertices_ > kMostVertices || !spending_.fits() || !prepare()) return result;
    states_.push_back({.ideal = BitSet(vertices_), .weight = std::vector<Weight>(totals_.size(), 0)});
    std::size_t begin = 0;
    for (std::int32_t used = 0; used < limits_.blocks; ++used) {
      const std::size_t end = states_.size();
      layer_.clear();
      for (std::size_t i = begin; i < end && !exhausted_; ++i) extend(i, used + 1 == limits_.blocks);
      begin = end;
    }
    result.steps = steps_;
    if (exhausted_) return result;
    result.finished = true;
    read_off(begin, result);
    return result;
  }

 private:
  // Descendants of every vertex; false if they alone break the memory limit.
  bool prepare() {
    const auto per_set = static_cast<std::int64_t>(BitSet(vertices_).bytes()) + 32;
    bytes_ = per_set * static_cast<std::int64_t>(vertices_);
    if (bytes_ > options_.bytes) return false;
    descendants_.resize(vertices_);
    RandomSource unused(0);
    const std::vector<VertexId> order = topological_order(dag_, OrderPolicy::kBreadthFirst, unused);
    for (auto v = order.rbegin(); v != order.rend(); ++v) {
      BitSet& set = descendants_[*v] = BitSet(vertices_);
      set.add(*v);
      for (const VertexId u : dag_.successors_of(*v)) set.add_all(descendants_[u]);
    }
    return true;
  }

  void extend(std::size_t from, bool last) {
    for (std::size_t kind = 0; kind < kinds_.size() && !exhausted_; ++kind) {
      if (spending_.left(states_[from].spent, kind) == 0) continue;
      begin_block(from, kind, last);
      if (affordable()) decide();
    }
  }

  void begin_block(std::size_t from, std::size_t kind, bool last) {
    from_ = from;
    kind_ = kind;
    last_ = last;
    const State& state = states_[from];
    inside_ = state.ideal;
    refused_ = BitSet(vertices_);
    members_ = 0;
    load_.assign(totals_.size(), 0);
    certain_ = open_ = 0;
    available_.clear();
    waiting_.assign(vertices_, 0);
    for (const VertexId v : ids<VertexId>(vertices_)) {
      if (inside_.has(v)) continue;
      for (const VertexId u : dag_.predecessors_of(v)) waiting_[index(v)] += inside_.has(u) ? 0 : 1;
      if (waiting_[index(v)] == 0) available_.push_back(v);
    }
    // What the blocks after this one can hold, and what must therefore be inside when it ends.
    needed_.assign(totals_.size(), 0);
    reachable_.assign(totals_.size(), 0);
    for (std::size_t c = 0; c < totals_.size(); ++c) {
      Weight room = 0;
      for (std::size_t k = 0; k < kinds_.size(); ++k)
        if (__builtin_add_overflow(room, room_left(state.spent, k, c) - (k == kind ? limit(kind, c) : 0), &room))
          room = totals_[c];
      needed_[c] = totals_[c] - std::min(totals_[c], room);
      reachable_[c] = totals_[c];
    }
  }
  [[nodiscard]] Weight limit(std::size_t kind, std::size_t c) const {
    return std::min(totals_[c], limits_.of(kinds_[kind].blocks.front())[c]);
  }
  [[nodiscard]] Weight room_left(std::int64_t spent, std::size_t kind, std::size_t c) const {
    Weight room = 0;
    return __builtin_mul_overflow(limit(kind, c), spending_.left(spent, kind), &room) ? totals_[c] : room;
  }

  [[nodiscard]] bool affordable() const {
    if (states_[from_].cost + certain_ >= options_.bound) return false;
    for (std::size_t c = 0; c < totals_.size(); ++c) {
      const Weight most = states_[from_].weight[c] + limit(kind_, c);
      if (std::min(most, reachable_[c]) < needed_[c]) return false;
    }
    return true;
  }

  // Decides about the vertex that became available last: into the block, or into a later one.
  void decide() {
    if (++steps_ > options_.steps || (steps_ % 4096 == 0 && late())) exhausted_ = true;
    if (exhausted_) return;
    if (available_.empty()) {
      finish_block();
      return;
    }
    const VertexId v = available_.back();
    available_.pop_back();
    if (fits(v)) {
      take(v);
      if (affordable()) decide();
      give_back(v);
    }
    if (!last_) refuse(v);
    available_.push_back(v);
  }
  [[nodiscard]] bool late() const { return options_.deadline.passed(); }

  [[nodiscard]] bool fits(VertexId v) const {
    const BlockId wanted = options_.fixed.empty() ? kNone<BlockId> : options_.fixed[index(v)];
    if (wanted != kNone<BlockId> && wanted != kinds_[kind_].blocks.front()) return false;
    for (std::size_t c = 0; c < load_.size(); ++c)
      if (load_[c] + graph_.weights_of(v)[c] > limits_.of(kinds_[kind_].blocks.front())[c]) return false;
    return true;
  }

  void take(VertexId v) {
    change(v, +1);
    inside_.add(v);
    ++members_;
    for (const VertexId u : dag_.successors_of(v))
      if (--waiting_[index(u)] == 0 && !refused_.has(u)) available_.push_back(u);
  }
  void give_back(VertexId v) {
    // What v made available lies on top, in the order in which it was pushed.
    const auto row = dag_.successors_of(v);
    for (auto u = row.rbegin(); u != row.rend(); ++u)
      if (waiting_[index(*u)]++ == 0 && !refused_.has(*u)) available_.pop_back();
    --members_;
    inside_.remove(v);
    change(v, -1);
  }

  // Edges of v (outside or just leaving the set): those into the block close, those to refused vertices are cut for
  // certain, and all that do not lead inside are open.
  void change(VertexId v, Weight sign) {
    for (std::size_t c = 0; c < load_.size(); ++c) load_[c] += sign * graph_.weights_of(v)[c];
    const BitSet& before = states_[from_].ideal;
    for (std::size_t i = 0; i < graph_.neighbours_of(v).size(); ++i) {
      const VertexId u = graph_.neighbours_of(v)[i];
      const Weight w = sign * graph_.edge_weights_of(v)[i];
      if (refused_.has(u)) certain_ += w;
      if (!inside_.has(u))
        open_ += w;
      else if (!before.has(u) && u != v)
        open_ -= w;
    }
  }

  void refuse(VertexId v) {
    const BitSet kept = refused_;
    const Weight certain = certain_;
    const std::vector<Weight> reachable = reachable_;
    const BitSet& before = states_[from_].ideal;
    descendants_[v].for_each_not_in(kept, inside_, [&](VertexId u) {
      for (std::size_t c = 0; c < load_.size(); ++c) reachable_[c] -= graph_.weights_of(u)[c];
      for (std::size_t i = 0; i < graph_.neighbours_of(u).size(); ++i) {
        const VertexId n = graph_.neighbours_of(u)[i];
        if (inside_.has(n) && !before.has(n)) certain_ += graph_.edge_weights_of(u)[i];
      }
    });
    refused_.add_all(descendants_[v]);
    if (affordable()) decide();
    refused_ = kept;
    certain_ = certain;
    reachable_ = reachable;
  }

  void finish_block() {
    if (members_ == 0 && !options_.may_leave_empty) return;
    const State& before = states_[from_];
    const Weight cost = before.cost + open_;
    if (cost >= options_.bound) return;
    std::vector<Weight> weight = before.weight;
    for (std::size_t c = 0; c < weight.size(); ++c)
      if ((weight[c] += load_[c]) < needed_[c]) return;
    store({.ideal = inside_,
           .spent = spending_.spend(before.spent, kind_),
           .cost = cost,
           .weight = std::move(weight),
           .parent = static_cast<std::int64_t>(from_),
           .kind = kind_});
  }

  void store(State state) {
    const std::size_t hash = state.ideal.hash() ^ (static_cast<std::size_t>(state.spent) * 0x9e3779b97f4a7c15ULL);
    const auto [begin, end] = layer_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      State& known = states_[it->second];
      if (known.spent != state.spent || known.ideal != state.ideal) continue;
      if (state.cost < known.cost) known = std::move(state);
      return;
    }
    bytes_ += static_cast<std::int64_t>(state.ideal.bytes() + sizeof(State) + 64 + 8 * state.weight.size());
    if (bytes_ > options_.bytes) exhausted_ = true;
    layer_.emplace(hash, states_.size());
    states_.push_back(std::move(state));
  }

  // The cheapest state of the last layer that holds all vertices, and the blocks on the way to it.
  void read_off(std::size_t begin, BelowBound& result) const {
    std::int64_t best = -1;
    for (std::size_t i = begin; i < states_.size(); ++i)
      if (holds_all(states_[i]) && (best < 0 || states_[i].cost < states_[static_cast<std::size_t>(best)].cost))
        best = static_cast<std::int64_t>(i);
    if (best < 0) return;
    result.cut = states_[static_cast<std::size_t>(best)].cost;
    Assignment assignment(vertices_, kNone<BlockId>);
    for (std::int64_t at = best; states_[static_cast<std::size_t>(at)].parent >= 0;
         at = states_[static_cast<std::size_t>(at)].parent) {
      const State& state = states_[static_cast<std::size_t>(at)];
      const State& before = states_[static_cast<std::size_t>(state.parent)];
      const auto spent = static_cast<std::size_t>(spending_.spent(before.spent, state.kind));
      state.ideal.for_each_not_in(before.ideal, before.ideal,
                                  [&](VertexId v) { assignment[v] = kinds_[state.kind].blocks[spent]; });
    }
    result.assignment = std::move(assignment);
  }
  [[nodiscard]] bool holds_all(const State& state) const {
    return std::ranges::all_of(ids<VertexId>(vertices_).begin(), ids<VertexId>(vertices_).end(),
                               [&](VertexId v) { return state.ideal.has(v); });
  }

  const TaskDag& dag_;
  const WeightedGraph& graph_;
  const BalanceLimits& limits_;
  IdealOptions options_;
  std::vector<Kind> kinds_;
  Spending spending_;
  std::vector<Weight> totals_;
  std::size_t vertices_;
  IdVector<VertexId, BitSet> descendants_;
  std::vector<State> states_;
  std::unordered_multimap<std::size_t, std::size_t> layer_;  // hash → state, of the layer being filled
  std::int64_t steps_ = 0;
  std::int64_t bytes_ = 0;
  bool exhausted_ = false;

  // The block under way, after states_[from_].
  std::size_t from_ = 0;
  std::size_t kind_ = 0;
  bool last_ = false;
  BitSet inside_;   // the ideal and the block so far
  BitSet refused_;  // later blocks' for certain
  std::int64_t members_ = 0;
  std::vector<Weight> load_;
  std::vector<Weight> needed_;     // what must be inside when the block ends
  std::vector<Weight> reachable_;  // what can be inside at most: all that is not refused
  Weight certain_ = 0;             // Σ edges between the block and refused vertices
  Weight open_ = 0;                // Σ edges between the block and everything outside
  std::vector<VertexId> available_;
  std::vector<std::int32_t> waiting_;  // predecessors not inside yet
};

}  // namespace

BelowBound best_chain_of_ideals(const TaskDag& dag, const BalanceLimits& limits, const IdealOptions& options) {
  return Search(dag, limits, options).run();
}

}  // namespace mp::partition
