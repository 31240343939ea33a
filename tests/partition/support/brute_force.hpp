// The oracle: the best partition among all.
#pragma once

#include <functional>
#include <optional>
#include <tuple>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition::test {

// (violation, empty blocks, cut), compared in this order as the portfolio does.
using Worth = std::tuple<double, std::int32_t, Weight>;
[[nodiscard]] Worth worth_of(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits);

// Tries all blocks^vertices assignments that `accept` (if given) takes: for up to some 10⁶ of them.
[[nodiscard]] std::optional<Worth> best_worth(const WeightedGraph& graph, const BalanceLimits& limits,
                                              const std::function<bool(const Assignment&)>& accept = {});

// Calls `visit` with every assignment of `vertices` to `blocks`.
void for_each_assignment(std::int32_t vertices, std::int32_t blocks,
                         const std::function<void(const Assignment&)>& visit);

}  // namespace mp::partition::test
