// Covering the units with sets that devices can take: sets against all sets, bounds against all placements.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/max_load/cover_bound.hpp"
#include "partition/max_load/cover_master.hpp"
#include "partition/max_load/device_sets.hpp"
#include "partition/max_load/load_nets.hpp"
#include "tests/partition/max_load/problems.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

double load_of(const std::vector<double>& seconds, const std::vector<LoadNet>& nets, const std::vector<bool>& taken) {
  double load = 0.0;
  for (std::size_t unit = 0; unit < seconds.size(); ++unit) load += taken[unit] ? seconds[unit] : 0.0;
  for (const LoadNet& net : nets) {
    const auto there =
        std::count_if(net.units.begin(), net.units.end(), [&](std::int32_t unit) { return taken[at(unit)]; });
    if (there > 0 && static_cast<std::size_t>(there) < net.units.size()) load += net.transfer_s;
  }
  return load;
}

std::vector<bool> members(const std::vector<std::int32_t>& units, std::size_t all) {
  std::vector<bool> taken(all, false);
  for (const std::int32_t unit : units) taken[at(unit)] = true;
  return taken;
}

std::int64_t price_of(const std::vector<std::int32_t>& prices, const std::vector<bool>& taken) {
  std::int64_t sum = 0;
  for (std::size_t unit = 0; unit < prices.size(); ++unit) sum += taken[unit] ? prices[unit] : 0;
  return sum;
}

// Over all sets below the limit without forbidden units.
std::int64_t dearest_of_all(const std::vector<double>& seconds, const std::vector<LoadNet>& nets,
                            const std::vector<std::int32_t>& prices, double limit, const std::vector<bool>& forbidden) {
  std::int64_t best = 0;
  for (std::uint32_t bits = 0; bits < 1U << seconds.size(); ++bits) {
    std::vector<bool> taken(seconds.size(), false);
    bool allowed = true;
    for (std::size_t unit = 0; unit < seconds.size(); ++unit) {
      taken[unit] = (bits >> unit & 1U) != 0;
      allowed = allowed && !(taken[unit] && forbidden[unit]);
    }
    if (allowed && load_of(seconds, nets, taken) < limit) best = std::max(best, price_of(prices, taken));
  }
  return best;
}

}  // namespace

TEST_CASE("the dearest set of a device is the one that trying all sets finds", "[max-load][cover]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const LoadProblem problem = random_problem(seed, 8, false);
    const std::vector<LoadNet> nets = load_nets(problem);
    RandomSource random(seed);
    std::vector<std::int32_t> prices;
    std::vector<bool> forbidden;
    for (std::size_t unit = 0; unit < problem.units(); ++unit) {
      prices.push_back(static_cast<std::int32_t>(random.below(40)) - 10);
      forbidden.push_back(random.below(5) == 0);
    }
    const auto limit = static_cast<double>(1 + random.below(30));
    auto sets = DeviceSets::make(problem.seconds[0], nets, narrow_order(problem.units(), nets), 1000);
    REQUIRE(sets);
    const std::optional<PricedSet> found = sets->dearest(prices, limit, forbidden);
    REQUIRE(found);
    INFO("seed " << seed);
    REQUIRE(found->price == dearest_of_all(problem.seconds[0], nets, prices, limit, forbidden));
    const std::vector<bool> taken = members(found->units, problem.units());
    REQUIRE(price_of(prices, taken) == found->price);
    REQUIRE(load_of(problem.seconds[0], nets, taken) < limit);
  }
}

TEST_CASE("graphs that are too wide have no sets of devices", "[max-load][cover]") {
  std::vector<LoadNet> nets;
  for (std::int32_t a = 0; a < 12; ++a) {
    for (std::int32_t b = a + 1; b < 12; ++b) nets.push_back({.units = {a, b}, .transfer_s = 1.0});
  }
  const std::vector<std::int32_t> order = narrow_order(12, nets);
  CHECK(std::is_permutation(order.begin(), order.end(),
                            std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}.begin()));
  CHECK_FALSE(DeviceSets::make(std::vector<double>(12, 1.0), nets, order, 40));
}

TEST_CASE("the linear program is at zero when sets cover all units", "[max-load][cover]") {
  const std::vector<double> low(4, -0.5);
  const std::vector<double> high(4, 1.0);
  CoverMaster master(low, high, {1, 1});
  master.solve(100);
  CHECK(master.objective() == Approx(4.0).epsilon(2e-3));
  master.add(0, {0, 1});
  master.add(0, {2, 3});
  master.solve(100);
  CHECK(master.objective() == Approx(2.0).epsilon(2e-3));  // one device of class 0 alone
  for (const std::vector<std::int32_t>& set : {std::vector<std::int32_t>{0, 1}, std::vector<std::int32_t>{2, 3}}) {
    CHECK(master.surplus(0, set) <= 1e-9);
  }
  const std::vector<std::int32_t> last = {3, 2, 1};
  CHECK(master.surplus(1, last) > 0.0);
  master.add(1, last);
  master.solve(100);
  CHECK(master.objective() == Approx(0.5).epsilon(4e-3));  // unit 1 in a set too many
  master.add(1, {2, 3});
  master.solve(100);
  CHECK(master.objective() == Approx(0.0).margin(2e-3));
}

TEST_CASE("covers prove no more than the optimum, and nearly always that", "[max-load][cover]") {
  int proved = 0;
  int problems = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const LoadProblem problem = random_problem(3000 + seed, 4 + seed % 5, false);
    const double best = brute_force(problem).free;
    std::optional<CoverBound> cover = CoverBound::make(problem);
    REQUIRE(cover);
    INFO("seed " << seed);
    REQUIRE(cover->bound(0.0, best * (1 + 1e-6) + 1e-9, {}) <= best * (1 + 1e-9) + 1e-12);
    problems += best > 0.0 ? 1 : 0;
    proved += best > 0.0 && cover->bound(0.0, best, {}) == best ? 1 : 0;
  }
  CHECK(proved * 10 >= problems * 8);
}

}  // namespace mp::partition
