// Bounds of packing against all packings.
#include "partition/max_load/packing_bound.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const PackingEffort kEffort{.columns = 2000};

// The least greatest sum of any packing, by trying all.
double best_packing(const PackingProblem& problem, std::size_t item, std::vector<double>& sums,
                    const std::vector<std::size_t>& class_of) {
  if (item == problem.seconds.front().size()) return *std::max_element(sums.begin(), sums.end());
  double best = kInfinity;
  for (std::size_t d = 0; d < sums.size(); ++d) {
    const double before = sums[d];
    sums[d] += problem.seconds[class_of[d]][item];
    best = std::min(best, best_packing(problem, item + 1, sums, class_of));
    sums[d] = before;
  }
  return best;
}

double best_packing(const PackingProblem& problem) {
  std::vector<std::size_t> class_of;
  for (std::size_t c = 0; c < problem.counts.size(); ++c) {
    class_of.insert(class_of.end(), static_cast<std::size_t>(problem.counts[c]), c);
  }
  std::vector<double> sums(class_of.size(), 0.0);
  return best_packing(problem, 0, sums, class_of);
}

}  // namespace

TEST_CASE("seven equal items do not go into three devices by twos", "[max-load][packing]") {
  const PackingProblem problem{.seconds = {std::vector<double>(7, 1.0)}, .counts = {3}};
  CHECK(cannot_pack(problem, 2.999, kEffort));  // 7/3 by work alone
  CHECK_FALSE(cannot_pack(problem, 3.001, kEffort));
}

TEST_CASE("four layers a device and a head that fits beside none of them", "[max-load][packing]") {
  // 24 layers of 8 and heads of 6, 5 and 3 on six devices: four layers each, the head of 6 beside four of them.
  std::vector<double> items(24, 8.0);
  items.insert(items.end(), {6.0, 5.0, 3.0});
  const PackingProblem problem{.seconds = {items}, .counts = {6}};
  CHECK(cannot_pack(problem, 37.99, kEffort));  // 34.4 by work alone
  CHECK_FALSE(cannot_pack(problem, 38.01, kEffort));
}

TEST_CASE("what is proved about packing is true, and near the truth", "[max-load][packing]") {
  double sum = 0.0;
  constexpr int kProblems = 60;
  for (std::uint64_t seed = 0; seed < kProblems; ++seed) {
    RandomSource random(seed);
    PackingProblem problem{.seconds = std::vector<std::vector<double>>(2), .counts = {2, 1}};
    for (std::uint64_t i = 0; i < 6 + random.below(3); ++i) {
      const auto seconds = static_cast<double>(1 + random.below(20));
      problem.seconds[0].push_back(random.below(8) == 0 ? kInfinity : seconds);
      problem.seconds[1].push_back(3.0 * seconds);
    }
    const double best = best_packing(problem);
    CAPTURE(seed, best);
    REQUIRE_FALSE(cannot_pack(problem, best * (1.0 + 1e-9), kEffort));
    double low = 0.0;
    for (double high = best; high - low > 1e-3 * best;) {
      const double middle = 0.5 * (low + high);
      (cannot_pack(problem, middle, kEffort) ? low : high) = middle;
    }
    sum += low / best;
  }
  CHECK(sum / kProblems > 0.93);
}

}  // namespace mp::partition
