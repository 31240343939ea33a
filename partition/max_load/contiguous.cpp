#include "partition/max_load/contiguous.hpp"

#include <algorithm>
#include <cmath>

#include "partition/max_load/ideal_lattice.hpp"
#include "partition/max_load/order_groups.hpp"
#include "partition/max_load/reduce.hpp"
#include "partition/max_load/stage_search.hpp"
#include "partition/max_load/work_bound.hpp"

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFirstGap = 0.02;  // of the limit over the bound; from there it grows
constexpr double kGapGrowth = 1.8;

// The ideals that are prefixes of one order of the units.
IdealLattice chain_lattice(const std::vector<std::int32_t>& order) {
  IdealLattice chain;
  chain.words = (order.size() + 63) / 64;
  chain.sets.assign(chain.words, 0);
  chain.offsets.push_back(0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t begin = chain.sets.size() - chain.words;
    for (std::size_t w = 0; w < chain.words; ++w) chain.sets.push_back(chain.sets[begin + w]);
    const auto bit = static_cast<std::size_t>(order[i]);
    chain.sets[chain.sets.size() - chain.words + bit / 64] |= std::uint64_t{1} << (bit % 64);
    chain.steps.push_back({order[i], static_cast<std::int32_t>(i + 1)});
    chain.offsets.push_back(static_cast<std::int64_t>(chain.steps.size()));
  }
  chain.offsets.push_back(static_cast<std::int64_t>(chain.steps.size()));
  return chain;
}

// More than any device can be loaded with.
double everything(const LoadProblem& problem) {
  double sum = 0.0;
  for (const std::vector<double>& seconds : problem.seconds) {
    for (const double s : seconds) sum += std::isfinite(s) ? s : 0.0;
  }
  for (const LoadTensor& tensor : problem.tensors) sum += tensor.transfer_s;
  return 2.0 * sum;
}

// Raises the limit until the search finds something below it, or to the best that is known.
void search_rising(const LoadProblem& problem, const IdealLattice& lattice, const ContiguousOptions& options,
                   double lower, ContiguousResult& best) {
  StageSearch search(problem, lattice);
  const double enough = everything(problem);
  double limit = std::max(lower * (1.0 + kFirstGap), enough * 1e-6);
  double proved = lower;
  for (;;) {
    if (limit >= enough) limit = kInfinity;  // also where nothing weighs anything
    limit = std::min(limit, best.seconds);
    options.progress(proved, best.seconds);
    const std::optional<LoadPlacement> found = search.below(limit, options.stop);
    if (search.stopped()) break;
    if (found) {
      best.placement = found;
      best.seconds = max_load(problem, *found);
      proved = best.seconds;
      best.complete = true;
      break;
    }
    proved = limit;
    if (limit >= best.seconds || std::isinf(limit)) {
      best.complete = true;
      break;
    }
    limit = lower + (limit - lower) * kGapGrowth;
  }
  best.lower_bound_s = std::max(best.lower_bound_s, proved);
}

// Pipelines along the prefixes of some orders: an upper bound, quickly.
void search_chains(const LoadProblem& problem, const ContiguousOptions& options, double lower, ContiguousResult& best) {
  for (const Traversal traversal : {Traversal::kDepth, Traversal::kBreadth}) {
    const IdealLattice chain = chain_lattice(linear_order(problem.units(), problem.order, traversal));
    if (stage_search_bytes(problem, chain.size()) > static_cast<double>(options.max_bytes)) return;
    search_rising(problem, chain, options, lower, best);
  }
  best.complete = false;
  best.lower_bound_s = lower;
}

// `problem` has no cycles left in its order.
ContiguousResult search_all(const LoadProblem& problem, const ContiguousOptions& options) {
  const Reduction reduced = absorb_weightless(problem, true);
  const LoadProblem& merged = reduced.problem;
  const double lower = std::max(options.above_s, WorkBound(merged).seconds());
  ContiguousResult best;
  search_chains(merged, options, lower, best);
  const std::optional<IdealLattice> lattice = ideal_lattice(merged.units(), merged.order, options.max_bytes / 2);
  if (lattice && stage_search_bytes(merged, lattice->size()) <= static_cast<double>(options.max_bytes) / 2.0) {
    best.ideals = lattice->size();
    search_rising(merged, *lattice, options, lower, best);
  }
  if (best.placement) best.placement = placement_of_members(*best.placement, reduced.group_of);
  return best;
}

LoadProblem without_memory(LoadProblem problem) {
  for (std::int64_t& bytes : problem.bytes) bytes = 0;
  for (DeviceClass& device : problem.classes) device.memory_bytes = 0;
  return problem;
}

}  // namespace

ContiguousResult best_along(const LoadProblem& problem, const std::vector<std::int32_t>& order,
                            const ContiguousOptions& options) {
  ContiguousResult best;
  const IdealLattice chain = chain_lattice(order);
  if (stage_search_bytes(problem, chain.size()) > static_cast<double>(options.max_bytes)) return best;
  search_rising(problem, chain, options, std::max(options.above_s, WorkBound(problem).seconds()), best);
  return best;
}

ContiguousResult best_contiguous(const LoadProblem& problem, const ContiguousOptions& options) {
  const OrderGroups groups = order_groups(problem.units(), problem.order);
  const LoadProblem acyclic = merge_units(problem, groups.group_of, groups.groups);
  // Memory is seldom what binds: the best pipeline without its limits mostly keeps them, and then it is the best.
  ContiguousResult best = search_all(without_memory(acyclic), options);
  if (best.placement && !std::isfinite(max_load(acyclic, *best.placement))) {
    ContiguousOptions again = options;
    again.above_s = best.lower_bound_s;
    best = search_all(acyclic, again);
  }
  if (!best.placement) return best;
  best.placement = placement_of_members(*best.placement, groups.group_of);
  best.seconds = max_load(problem, *best.placement);
  if (best.complete) best.lower_bound_s = best.seconds;
  return best;
}

}  // namespace mp::partition
