// One option for each item, within a limit of memory, at the least cost: the multiple-choice knapsack problem.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mp::partition {

struct ItemOption {
  double cost = 0.0;
  double memory = 0.0;
};

// Item i has the options options[first[i]] … options[first[i + 1]), one or more.
struct ItemOptions {
  std::vector<ItemOption> options;
  std::vector<std::int32_t> first{0};

  [[nodiscard]] std::size_t items() const { return first.size() - 1; }
};

struct OptionChoice {
  std::vector<std::int32_t> chosen;  // of each item: position in its options
  double cost = 0.0;
  double memory = 0.0;
  bool optimal = true;  // false: too many states; the choice fits, a cheaper one may, too
};

// The cheapest choice of at most this memory; nothing if the leanest options are too much. Greedy along the convex
// hulls of the items bounds it from both sides (Sinha and Zoltners, The multiple-choice knapsack problem, Operations
// Research 27, 1979); where the two differ, dynamic programming over the choices that no other beats in both cost and
// memory (Nemhauser and Ullmann, Management Science 15, 1969) decides.
[[nodiscard]] std::optional<OptionChoice> cheapest_choice(const ItemOptions& items, double memory_limit);

enum class Fits : std::uint8_t { kNo, kYes, kUnknown };  // kUnknown: too many states to decide

// Whether a choice of at most this memory and this cost exists: most often known from the bounds alone.
[[nodiscard]] Fits choice_fits(const ItemOptions& items, double memory_limit, double cost_limit);

}  // namespace mp::partition
