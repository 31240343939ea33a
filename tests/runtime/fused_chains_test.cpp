// Which instructions are run in one pass.
#include "runtime/fused_chains.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
namespace {

constexpr std::int64_t kSize = 4;

// Steps over an arena of floats; operands are offsets into it.
class Steps {
 public:
  void add(std::vector<std::size_t> inputs, std::vector<std::size_t> outputs, std::int64_t size = kSize) {
    auto& in = inputs_.emplace_back();
    auto& out = outputs_.emplace_back();
    for (const std::size_t at : inputs) in.push_back(arena_.data() + at);
    for (const std::size_t at : outputs) out.push_back(arena_.data() + at);
    steps_.push_back({size, in, out});
  }
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> chains() const {
    std::vector<std::pair<std::size_t, std::size_t>> result;
    for (const Chain& chain : find_chains(steps_)) result.emplace_back(chain.first, chain.count);
    return result;
  }

 private:
  std::array<float, 64> arena_{};
  std::deque<std::vector<const void*>> inputs_;
  std::deque<std::vector<void*>> outputs_;
  std::vector<ElementwiseStep> steps_;
};

using Found = std::vector<std::pair<std::size_t, std::size_t>>;

}  // namespace

TEST_CASE("neighbours that share a buffer are one chain", "[fused]") {
  Steps steps;
  steps.add({0, 4}, {8});
  steps.add({8}, {12});
  steps.add({12, 0}, {16});
  CHECK(steps.chains() == Found{{0, 3}});
}

TEST_CASE("a chain ends at another size, at other buffers, and at an instruction that is not elementwise", "[fused]") {
  Steps steps;
  steps.add({0}, {4});
  steps.add({4}, {8});
  steps.add({8}, {16}, 2 * kSize);
  steps.add({24}, {28});
  steps.add({32}, {36});
  steps.add({36}, {40}, 0);
  steps.add({40}, {44});
  steps.add({44}, {48});
  CHECK(steps.chains() == Found{{0, 2}, {6, 2}});
}

TEST_CASE("a place that a dead tensor left may be written again, but not a shifted part of it", "[fused]") {
  Steps same;
  same.add({0}, {8});
  same.add({8}, {0});
  CHECK(same.chains() == Found{{0, 2}});
  Steps shifted;
  shifted.add({0}, {8});
  shifted.add({8}, {2});  // would overwrite what the first has still to read
  CHECK(shifted.chains().empty());
}

}  // namespace mp::runtime::testing
