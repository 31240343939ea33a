#include "partition/pipeline/option_choice.hpp"

#include <limits>

#include "partition/graph/random_source.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

ItemOptions random_items(RandomSource& random, std::size_t items, std::uint64_t range) {
  ItemOptions result;
  for (std::size_t i = 0; i < items; ++i) {
    for (std::uint64_t o = 0; o <= random.below(4); ++o)
      result.options.push_back(
          {static_cast<double>(random.below(range)) / 3, static_cast<double>(random.below(range)) / 7});
    result.first.push_back(static_cast<std::int32_t>(result.options.size()));
  }
  return result;
}

double brute_force(const ItemOptions& items, std::size_t item, double cost, double memory, double limit) {
  if (memory > limit) return std::numeric_limits<double>::infinity();
  if (item == items.items()) return cost;
  double best = std::numeric_limits<double>::infinity();
  for (std::int32_t o = items.first[item]; o < items.first[item + 1]; ++o) {
    const ItemOption& option = items.options[static_cast<std::size_t>(o)];
    best = std::min(best, brute_force(items, item + 1, cost + option.cost, memory + option.memory, limit));
  }
  return best;
}

}  // namespace

TEST_CASE("the cheapest choice of options is the best of all that fit", "[piper]") {
  RandomSource random(5);
  int decided = 0;
  for (int round = 0; round < 400; ++round) {
    const ItemOptions items = random_items(random, 1 + random.below(6), round % 2 == 0 ? 12 : 1000);
    const double limit = static_cast<double>(random.below(round % 2 == 0 ? 60 : 4000)) / 7;
    const double best = brute_force(items, 0, 0.0, 0.0, limit);
    const auto choice = cheapest_choice(items, limit);
    REQUIRE(choice.has_value() == (best < std::numeric_limits<double>::infinity()));
    if (!choice) {
      CHECK(choice_fits(items, limit, 1e9) == Fits::kNo);
      continue;
    }
    ++decided;
    CHECK(choice->optimal);
    CHECK(choice->cost == Approx(best));
    CHECK(choice->memory <= limit);
    CHECK(choice_fits(items, limit, best * 1.0001 + 1e-9) == Fits::kYes);
    CHECK(choice_fits(items, limit, best * 0.9999 - 1e-9) == Fits::kNo);
  }
  CHECK(decided > 100);
}

TEST_CASE("a choice that greedy misses: one large saving for many small ones", "[piper]") {
  // Three bytes too many. Per byte the first item is dearer, but greedy's two steps of the others save a byte too much.
  const ItemOptions items{{{0, 3}, {4, 0}, {0, 2}, {2.5, 0}, {0, 2}, {2.5, 0}}, {0, 2, 4, 6}};
  const auto choice = cheapest_choice(items, 4);
  REQUIRE(choice);
  CHECK(choice->chosen == std::vector<std::int32_t>{1, 0, 0});
  CHECK(choice->cost == 4.0);
}

}  // namespace mp::partition
