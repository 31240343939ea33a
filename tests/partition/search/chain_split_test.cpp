#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "partition/graph/random_source.hpp"
#include "partition/search/chain_split.hpp"
#include "tests/support/catch.hpp"

namespace {

using mp::partition::ChainSplit;
using mp::partition::SplitProblem;
using mp::partition::StageTimes;

// A random chain: work of each piece, transfer before each place, memory of each piece; stages with alive microbatches.
struct RandomChain {
  std::vector<double> work, transfer, memory;
  double room = 0.0;

  [[nodiscard]] double sum(const std::vector<double>& items, std::size_t from, std::size_t to) const {
    double result = 0.0;
    for (std::size_t i = from; i < to; ++i) result += items[i];
    return result;
  }
  [[nodiscard]] bool fits(std::size_t from, std::size_t to, std::size_t right) const {
    return sum(memory, from, to) * static_cast<double>(right + 1) <= room;
  }
  [[nodiscard]] StageTimes times(std::size_t from, std::size_t to) const {
    const double pass = sum(work, from, to);
    return {.cycle_s = std::max(pass, transfer[from] / 2.0), .pass_s = pass, .transfer_s = transfer[from]};
  }
};

RandomChain random_chain(mp::partition::RandomSource& random, std::size_t pieces) {
  RandomChain chain;
  for (std::size_t i = 0; i < pieces; ++i) {
    chain.work.push_back(static_cast<double>(1 + random.below(20)));
    chain.transfer.push_back(i == 0 ? 0.0 : static_cast<double>(random.below(25)));
    chain.memory.push_back(static_cast<double>(random.below(5)));
  }
  chain.room = static_cast<double>(4 + random.below(60));
  return chain;
}

// The formula of the header, straight from its words.
double time_of(const RandomChain& chain, const std::vector<std::size_t>& cuts, std::int64_t microbatches) {
  const std::size_t stages = cuts.size() - 1;
  double way = 0.0;
  double cycle = 0.0;
  for (std::size_t s = stages; s-- > 0;) {
    const std::size_t right = stages - 1 - s;
    if (!chain.fits(cuts[s], cuts[s + 1], right)) return std::numeric_limits<double>::infinity();
    const StageTimes times = chain.times(cuts[s], cuts[s + 1]);
    const double round = times.pass_s + way;
    const auto alive = static_cast<double>(std::min<std::int64_t>(static_cast<std::int64_t>(right) + 1, microbatches));
    cycle = std::max({cycle, times.cycle_s, round / alive});
    way = round + times.transfer_s;
  }
  return way + static_cast<double>(microbatches - 1) * cycle;
}

double best_by_trying_all(const RandomChain& chain, std::size_t stages, std::int64_t microbatches) {
  const std::size_t pieces = chain.work.size();
  double best = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> cuts{0};
  const std::function<void()> extend = [&] {
    if (cuts.size() == stages) {
      cuts.push_back(pieces);
      best = std::min(best, time_of(chain, cuts, microbatches));
      cuts.pop_back();
      return;
    }
    for (std::size_t next = cuts.back() + 1; next < pieces; ++next) {
      cuts.push_back(next);
      extend();
      cuts.pop_back();
    }
  };
  extend();
  return best;
}

}  // namespace

TEST_CASE("a chain is split as well as the best of all splits, under memory", "[search][split]") {
  mp::partition::RandomSource random(7);
  int fitting = 0;
  for (int round = 0; round < 400; ++round) {
    const std::size_t pieces = 2 + random.below(8);
    const std::size_t stages = 1 + random.below(std::min<std::size_t>(pieces, 5));
    const auto microbatches = static_cast<std::int64_t>(1 + random.below(9));
    const RandomChain chain = random_chain(random, pieces);
    const double best = best_by_trying_all(chain, stages, microbatches);
    const SplitProblem problem{.places = pieces + 1,
                               .stages = stages,
                               .microbatches = microbatches,
                               .cycles = static_cast<double>(microbatches - 1)};
    const auto split = mp::partition::split_chain(
        problem, [&](std::size_t from, std::size_t to, std::size_t right, double bound) -> std::optional<StageTimes> {
          if (!chain.fits(from, to, right) || chain.sum(chain.work, from, to) >= bound) return std::nullopt;
          return chain.times(from, to);
        });
    INFO("round " << round << ", " << pieces << " pieces, " << stages << " stages, " << microbatches);
    REQUIRE(split.has_value() == (best < std::numeric_limits<double>::infinity()));
    if (!split) continue;
    ++fitting;
    CHECK(split->time_s == Approx(best));
    CHECK(time_of(chain, split->cuts, microbatches) == Approx(best));
    CHECK(split->cuts.size() == stages + 1);
  }
  CHECK(fitting > 100);
}

TEST_CASE("equal stages without transfers take m + p - 1 passes", "[search][split]") {
  const SplitProblem problem{.places = 9, .stages = 4, .microbatches = 6, .cycles = 5.0};
  const auto split = mp::partition::split_chain(
      problem, [](std::size_t from, std::size_t to, std::size_t, double bound) -> std::optional<StageTimes> {
        const auto pass = static_cast<double>(to - from);
        if (pass >= bound) return std::nullopt;
        return StageTimes{.cycle_s = pass, .pass_s = pass, .transfer_s = 0.0};
      });
  REQUIRE(split);
  CHECK(split->cuts == std::vector<std::size_t>{0, 2, 4, 6, 8});
  CHECK(split->time_s == Approx((6.0 + 4.0 - 1.0) * 2.0));
}
