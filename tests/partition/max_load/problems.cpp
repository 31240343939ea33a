#include "tests/partition/max_load/problems.hpp"

#include <algorithm>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/order_groups.hpp"

namespace mp::partition {

LoadProblem random_problem(std::uint64_t seed, std::size_t units, bool tight_memory) {
  RandomSource random(seed);
  LoadProblem problem;
  problem.classes = {{.memory_bytes = tight_memory ? 5 : 0, .pays_transfers = true}, {}};
  problem.classes[1].pays_transfers = false;
  problem.class_of = {0, 1, 0};
  problem.seconds.resize(2);
  for (std::size_t u = 0; u < units; ++u) {
    const bool weightless = random.below(3) == 0;
    const auto work = weightless ? 0.0 : static_cast<double>(1 + random.below(9));
    problem.seconds[0].push_back(random.below(8) == 0 ? std::numeric_limits<double>::infinity() : work);
    problem.seconds[1].push_back(3.0 * work);
    problem.bytes.push_back(weightless && random.coin() ? 0 : static_cast<std::int64_t>(random.below(3)));
  }
  for (std::size_t u = 0; u + 1 < units; ++u) {
    LoadTensor forward{.producer = static_cast<std::int32_t>(u),
                       .readers = {},
                       .transfer_s = 0.5 * static_cast<double>(random.below(6))};
    for (std::size_t v = u + 1; v < units; ++v) {
      if (random.below(3) != 0) continue;
      forward.readers.push_back(static_cast<std::int32_t>(v));
      problem.order.emplace_back(static_cast<std::int32_t>(u), static_cast<std::int32_t>(v));
      if (random.coin()) continue;  // the gradient that comes back
      problem.tensors.push_back({.producer = static_cast<std::int32_t>(v),
                                 .readers = {static_cast<std::int32_t>(u)},
                                 .transfer_s = forward.transfer_s});
    }
    if (!forward.readers.empty()) problem.tensors.push_back(forward);
  }
  return problem;
}

bool is_pipeline(const LoadProblem& problem, const LoadPlacement& placement) {
  UnitOrder between;
  for (const auto& [a, b] : problem.order) {
    const std::int32_t from = placement[static_cast<std::size_t>(a)];
    const std::int32_t to = placement[static_cast<std::size_t>(b)];
    if (from != to) between.emplace_back(from, to);
  }
  return linear_order(problem.devices(), between, Traversal::kBreadth).size() == problem.devices();
}

Optima brute_force(const LoadProblem& problem) {
  Optima best;
  LoadPlacement placement(problem.units(), 0);
  for (;;) {
    const double load = max_load(problem, placement);
    best.free = std::min(best.free, load);
    if (load < best.pipeline && is_pipeline(problem, placement)) best.pipeline = load;
    std::size_t unit = 0;
    while (unit < placement.size() && placement[unit] + 1 == static_cast<std::int32_t>(problem.devices()))
      placement[unit++] = 0;
    if (unit == placement.size()) return best;
    ++placement[unit];
  }
}

}  // namespace mp::partition
