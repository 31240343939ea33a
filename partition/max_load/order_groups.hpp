// What the forward order makes inseparable, and orders that agree with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mp::partition {

using UnitOrder = std::vector<std::pair<std::int32_t, std::int32_t>>;  // (a, b): a before b

struct OrderGroups {
  std::vector<std::int32_t> group_of;  // of every unit: its strongly connected component, numbered topologically
  std::int32_t groups = 0;
};
// Units on a cycle are in one group: no pipeline has them on two devices. (Tarjan 1972.) Of groups that are free to
// stand in any order, the one with the smallest unit comes first.
[[nodiscard]] OrderGroups order_groups(std::size_t units, const UnitOrder& order);

// For an order without cycles: positions from first to last, by depth (each unit as soon after its predecessors as can
// be) or by breadth.
enum class Traversal : std::uint8_t { kDepth, kBreadth };
[[nodiscard]] std::vector<std::int32_t> linear_order(std::size_t units, const UnitOrder& order, Traversal traversal);

}  // namespace mp::partition
