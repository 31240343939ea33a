#include "partition/candidate.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

double greatest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

bool better(const Candidate& a, const Candidate& b) {
  return std::tuple(a.violation, a.empty_blocks, a.cut, greatest(a.imbalance), std::string_view(a.algorithm)) <
         std::tuple(b.violation, b.empty_blocks, b.cut, greatest(b.imbalance), std::string_view(b.algorithm));
}

const Candidate& best_of(std::span<const Candidate> candidates) {
  MP_CHECK(!candidates.empty());
  return *std::min_element(candidates.begin(), candidates.end(), better);
}

Candidate make_candidate(const WeightedGraph& graph, const BalanceLimits& limits, std::string_view algorithm,
                         Solution solution, double seconds) {
  check_partition(graph, solution.assignment, limits);
  Candidate result{.algorithm = std::string(algorithm),
                   .assignment = std::move(solution.assignment),
                   .imbalance = {},
                   .seconds = seconds,
                   .lower_bound = solution.lower_bound};
  result.cut = cut_of(graph, result.assignment);
  result.violation = violation_of(graph, result.assignment, limits);
  result.imbalance = imbalance_of(graph, result.assignment, limits);
  result.empty_blocks = empty_blocks_of(result.assignment, limits.blocks);
  result.feasible = is_feasible(graph, result.assignment, limits);
  MP_CHECK(!result.lower_bound || !result.feasible || result.empty_blocks > 0 || result.cut >= *result.lower_bound);
  result.optimal = result.feasible && result.lower_bound == result.cut;
  return result;
}

}  // namespace mp::partition
