#include "partition/pipeline/option_choice.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace mp::partition {
namespace {

constexpr std::size_t kMaxStates = 200'000;  // of one item: some milliseconds
constexpr double kRounding = 1e-13;          // sums in another order differ by less, relative

std::span<const ItemOption> options_of(const ItemOptions& items, std::size_t item) {
  return std::span(items.options)
      .subspan(static_cast<std::size_t>(items.first[item]),
               static_cast<std::size_t>(items.first[item + 1] - items.first[item]));
}

bool is_cheaper(const ItemOption& a, const ItemOption& b) {
  return std::pair(a.cost, a.memory) < std::pair(b.cost, b.memory);
}
bool is_leaner(const ItemOption& a, const ItemOption& b) {
  return std::pair(a.memory, a.cost) < std::pair(b.memory, b.cost);
}

OptionChoice summed(const ItemOptions& items, std::vector<std::int32_t> chosen) {
  OptionChoice choice{.chosen = std::move(chosen)};
  for (std::size_t i = 0; i < items.items(); ++i) {
    const ItemOption& option = options_of(items, i)[static_cast<std::size_t>(choice.chosen[i])];
    choice.cost += option.cost;
    choice.memory += option.memory;
  }
  return choice;
}

template <class Less>
OptionChoice extreme(const ItemOptions& items, const Less& less) {
  std::vector<std::int32_t> chosen;
  for (std::size_t i = 0; i < items.items(); ++i) {
    const auto options = options_of(items, i);
    chosen.push_back(
        static_cast<std::int32_t>(std::min_element(options.begin(), options.end(), less) - options.begin()));
  }
  return summed(items, std::move(chosen));
}

// From one option of an item's convex hull to the next leaner one.
struct Step {
  double price = 0.0;  // cost for each byte saved
  double cost = 0.0;
  double saved = 0.0;
  std::size_t item = 0;
  std::int32_t to = 0;
};

void append_steps(std::span<const ItemOption> options, std::size_t item, std::int32_t from, std::vector<Step>& steps) {
  for (;;) {
    const ItemOption& now = options[static_cast<std::size_t>(from)];
    Step best{.price = std::numeric_limits<double>::infinity()};
    for (std::size_t l = 0; l < options.size(); ++l) {
      const double saved = now.memory - options[l].memory;
      if (saved <= 0.0) continue;
      const double cost = options[l].cost - now.cost;
      const double price = cost / saved;
      if (price < best.price || (price == best.price && saved > best.saved))
        best = {price, cost, saved, item, static_cast<std::int32_t>(l)};
    }
    if (best.saved == 0.0) return;
    steps.push_back(best);
    from = best.to;
  }
}

struct Bounds {
  double lower = 0.0;
  OptionChoice upper;
};

// From the cheapest options downwards, the cheapest bytes first; only part of the last step is needed.
Bounds greedy(const ItemOptions& items, const OptionChoice& fastest, double memory_limit) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < items.items(); ++i) append_steps(options_of(items, i), i, fastest.chosen[i], steps);
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.price < b.price; });
  Bounds bounds{.lower = fastest.cost, .upper = {}};
  std::vector<std::int32_t> chosen = fastest.chosen;
  double excess = fastest.memory - memory_limit;
  for (const Step& step : steps) {
    if (excess <= 0.0) break;
    bounds.lower += step.cost * std::min(1.0, excess / step.saved);
    excess -= step.saved;
    chosen[step.item] = step.to;
  }
  bounds.upper = summed(items, std::move(chosen));
  bounds.lower *= 1.0 - kRounding;
  if (bounds.upper.memory > memory_limit) bounds.upper = extreme(items, is_leaner);  // rounding of `excess`
  return bounds;
}

struct State {
  double cost = 0.0;
  double memory = 0.0;
  std::int32_t parent = -1;  // position in the states of the item before
  std::int32_t option = 0;
};

// Keeps the states that no other beats; by ascending cost.
void keep_undominated(std::vector<State>& states) {
  std::sort(states.begin(), states.end(),
            [](const State& a, const State& b) { return std::pair(a.cost, a.memory) < std::pair(b.cost, b.memory); });
  double least = std::numeric_limits<double>::infinity();
  std::erase_if(states, [&](const State& state) {
    if (state.memory >= least) return true;
    least = state.memory;
    return false;
  });
}

struct Rest {  // of the items from one on
  double cost = 0.0;
  double memory = 0.0;
};

std::vector<Rest> rests_of(const ItemOptions& items) {
  std::vector<Rest> rests(items.items() + 1);
  for (std::size_t i = items.items(); i-- > 0;) {
    const auto options = options_of(items, i);
    rests[i].cost = rests[i + 1].cost + std::min_element(options.begin(), options.end(), is_cheaper)->cost;
    rests[i].memory = rests[i + 1].memory + std::min_element(options.begin(), options.end(), is_leaner)->memory;
  }
  return rests;
}

// The best choice below `bounds.upper`, which is feasible; bounds.upper itself if there is none.
OptionChoice exact(const ItemOptions& items, double memory_limit, Bounds bounds) {
  const std::vector<Rest> rests = rests_of(items);
  const double most = bounds.upper.cost * (1.0 + kRounding);
  std::vector<std::vector<State>> levels{{State{}}};
  for (std::size_t i = 0; i < items.items(); ++i) {
    std::vector<State> next;
    const auto options = options_of(items, i);
    for (std::size_t p = 0; p < levels[i].size(); ++p) {
      for (std::size_t l = 0; l < options.size(); ++l) {
        const State state{levels[i][p].cost + options[l].cost, levels[i][p].memory + options[l].memory,
                          static_cast<std::int32_t>(p), static_cast<std::int32_t>(l)};
        if (state.cost + rests[i + 1].cost > most) continue;
        if (state.memory + rests[i + 1].memory > memory_limit * (1.0 + kRounding)) continue;
        next.push_back(state);
      }
    }
    keep_undominated(next);
    if (next.size() > kMaxStates) {
      bounds.upper.optimal = false;
      return bounds.upper;
    }
    levels.push_back(std::move(next));
  }
  for (const State& last : levels.back()) {  // by ascending cost
    std::vector<std::int32_t> chosen(items.items());
    const State* state = &last;
    for (std::size_t i = items.items(); i-- > 0; state = &levels[i][static_cast<std::size_t>(state->parent)])
      chosen[i] = state->option;
    const OptionChoice choice = summed(items, std::move(chosen));
    if (choice.memory <= memory_limit) return choice.cost < bounds.upper.cost ? choice : bounds.upper;
  }
  return bounds.upper;
}

}  // namespace

std::optional<OptionChoice> cheapest_choice(const ItemOptions& items, double memory_limit) {
  OptionChoice fastest = extreme(items, is_cheaper);
  if (fastest.memory <= memory_limit) return fastest;
  if (extreme(items, is_leaner).memory > memory_limit) return std::nullopt;
  Bounds bounds = greedy(items, fastest, memory_limit);
  if (bounds.upper.cost * (1.0 - 2 * kRounding) <= bounds.lower) return std::move(bounds.upper);
  return exact(items, memory_limit, std::move(bounds));
}

Fits choice_fits(const ItemOptions& items, double memory_limit, double cost_limit) {
  const OptionChoice fastest = extreme(items, is_cheaper);
  if (fastest.cost > cost_limit) return Fits::kNo;
  if (fastest.memory <= memory_limit) return Fits::kYes;
  const OptionChoice leanest = extreme(items, is_leaner);
  if (leanest.memory > memory_limit) return Fits::kNo;
  if (leanest.cost <= cost_limit) return Fits::kYes;
  Bounds bounds = greedy(items, fastest, memory_limit);
  if (bounds.lower > cost_limit) return Fits::kNo;
  if (bounds.upper.cost <= cost_limit) return Fits::kYes;
  const OptionChoice best = exact(items, memory_limit, std::move(bounds));
  if (best.cost <= cost_limit) return Fits::kYes;
  return best.optimal ? Fits::kNo : Fits::kUnknown;
}

}  // namespace mp::partition
